"""Kill builds with SIGKILL at random moments, let them go on, and compare what they leave: ``make killstudy``.

A small build is run once undisturbed. Then builds of the same recipe are started in folders of their own, each is
killed at a random moment and started again until it ends, and every file of its bundle that is the same for the same
recipe must be that of the undisturbed build, byte for byte. A bundle under its final name must be that whole one, too,
whenever it is there.

Each start is a process of its own, the fork of one that has loaded TensorFlow and not yet used it: so the moments fall
into the work, and not into the import of libraries. Latency and memory are measured in it, not in further processes.
A moment is a time of the processor, as the kernel counts it for the process: what else the machine does moves none.
Four of five lives are at most a quarter of what the whole build takes, so that one build is killed at many places; the
fifth may be as long as that, so that all builds end. Shorter ones (``--lives 0.125 0.5``) cost less for each kill, and
fall mostly into what takes longest from one checkpoint to the next.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from export_pipeline.base.files import files_of, sha256, write_text
from export_pipeline.bundle import MEASURED
from export_pipeline.cli import main as command_line
from export_pipeline.models.vgg import kernel_shapes
from export_pipeline.perception.vgg_weights import save_npz
from export_pipeline.report import MEASURED_FILES, worker
from export_pipeline.report.machine import machine
from tests import measured_here

# A U-Net on built-in pictures: all stages, and no weights of another network.
RECIPE = """
name = "coins"
task = "segmentation"
[model]
alpha = 0.125
[train]
crop = 64
short_side = [1.0, 1.0]
beta = 0.7
steps = 60
batch_size = 2
learning_rate = 0.02
ema = 0.8
checkpoint_every = 5
[compress]
schedule = "constant"
final_sparsity = 0.3
end_step = 2
frequency = 1
steps = 6
learning_rate = 1e-3
bits = 5
[export]
height = 64
width = 64
targets = ["mlmodel-palettized", "tflite-dynamic"]
[verify]
images = 2
"""
LIBRARIES = ("tensorflow", "tf_keras", "tensorflow_model_optimization", "coremltools", "export_pipeline.pipeline")
TIMED = (MEASURED, *MEASURED_FILES)  # what tells of times
STAGES = ("train", "compress", "export", "verify", "report", "bundle")
POLL_SECONDS = 0.005
LIVES = 0.25, 1.0  # the longest of the short and of the long lives, as shares of the whole
SHORT = 0.8  # share of the lives


def vgg_weights(path: Path) -> Path:
    """VGG-19 with random values, which need no download, at *path*."""
    noise = np.random.default_rng(19)
    save_npz(
        {
            layer: (noise.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape).astype("f4"), np.zeros(shape[3], "f4"))
            for layer, shape in kernel_shapes().items()
        },
        path,
    )
    return path


def started(recipe: Path, out: Path, told: Path) -> int:
    """Start the build of *recipe* at *out* in a fork, which writes what it tells to *told*; gives its process id."""
    process = os.fork()
    if process:
        return process
    stream = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    worker.subprocess = SimpleNamespace(run=measured_here.run)  # type: ignore[attr-defined]
    os._exit(command_line(["build", str(recipe), "-o", str(out)]))


def processor_seconds(process: int) -> float:
    """That *process* has had, as Linux counts them."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def ended(process: int, life: float, told: Path) -> float:
    """Let *process* have *life* seconds of the processor, and kill it then.

    Returns:
        Those that it had where it ended well by itself; 0 where it was killed.
    """
    while True:
        found, status, used = os.wait4(process, os.WNOHANG)
        if found:
            if status == signal.SIGKILL:
                return 0.0
            if status:
                sys.exit(f"a build that went on failed: {told.read_text(errors='replace')}")
            return used.ru_utime + used.ru_stime
        if processor_seconds(process) >= life:
            os.kill(process, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def stage_of(told: str) -> str:
    """The stage that a build was in which told so: what it told of last, or what follows on what had ended."""
    lines = [line.partition(": ") for line in told.splitlines() if line.partition(": ")[0] in STAGES]
    if not lines:
        return "start"
    stage, _, what = lines[-1]
    return STAGES[min(STAGES.index(stage) + what.startswith("took"), len(STAGES) - 1)]


def contents(bundle: Path) -> dict[str, str]:
    """SHA-256 of each file of *bundle* that does not tell of times."""
    return {path.relative_to(bundle).as_posix(): sha256(path) for path in files_of(bundle) if path.name not in TIMED}


def require_same(out: Path, wanted: dict[str, str], when: str) -> None:
    """End the study where the bundle at *out* is not the *wanted* one, and say in which files."""
    found = contents(out)
    if differing := sorted(name for name in {**found, **wanted} if found.get(name) != wanted.get(name)):
        sys.exit(f"{when} the bundle differs from the undisturbed build's in {', '.join(differing)}")


def life(chance: random.Random, whole: float, lives: Sequence[float]) -> float:
    """Seconds of the processor for one process of a build that takes *whole*."""
    short, long = lives
    return chance.random() * whole * (short if chance.random() < SHORT else long)


def study(kills: int, seed: int, lives: Sequence[float], folder: Path) -> dict[str, object]:
    """Kill *kills* times, and tell of it."""
    chance, recipe, told = random.Random(seed), folder / "coins.toml", folder / "told"
    recipe.write_text(RECIPE)
    began = time.monotonic()
    whole = ended(started(recipe, folder / "undisturbed", told), math.inf, told)
    wanted = contents(folder / "undisturbed")
    killed, builds, attempts, where = 0, 0, Counter[int](), Counter[str]()
    while killed < kills:
        out, before = folder / f"build-{killed}", killed
        # A last build may end undisturbed: there are as many kills as were asked for.
        while not ended(started(recipe, out, told), life(chance, whole, lives) if killed < kills else math.inf, told):
            killed += 1
            stage = stage_of(told.read_text(errors="replace"))
            where[stage] += 1
            if out.exists():
                require_same(out, wanted, f"after kill {killed}, in {stage}, of seed {seed},")
            print(f"{killed} kills, {builds} builds ended; in {stage}", flush=True)
        require_same(out, wanted, f"after {killed} kills of seed {seed}")
        builds += 1
        attempts[killed - before] += 1
        for path in (out, out.with_name(f".{out.name}.work")):
            shutil.rmtree(path, ignore_errors=True)
    return {
        "kills": killed,
        "builds": builds,
        "identical": builds,
        "files_compared": len(wanted),
        "processor_seconds_undisturbed": round(whole, 1),
        "seconds": round(time.monotonic() - began),
        "fell_in": {stage: where[stage] for stage in ("start", *STAGES)},
        "builds_by_kills": dict(sorted(attempts.items())),
    }


def main() -> None:
    """Print the record, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lives", type=float, nargs=2, default=LIVES, metavar=("SHORT", "LONG"))
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .json file")
    options = parser.parse_args()
    for library in LIBRARIES:  # once, for all forks
        importlib.import_module(library)

    with tempfile.TemporaryDirectory() as folder:
        record = {**study(options.kills, options.seed, options.lives, Path(folder)), "seed": options.seed}
    text = json.dumps({**record, "machine": machine().model_dump()}, indent=1)
    print(text)
    if options.output:
        write_text(options.output, text + "\n")


if __name__ == "__main__":
    main()
