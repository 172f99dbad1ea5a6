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
fall mostly into what takes longest from one checkpoint to the next. With ``--aim STAGE ...`` each build is killed twice
in each of these stages, counted from where the process comes to it: short stages have their kills, too.
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from export_pipeline.base.files import files_of, sha256, write_text
from export_pipeline.bundle import MEASURED
from export_pipeline.cli import main as command_line
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
STAGES = ("start", "train", "compress", "export", "verify", "report", "bundle")  # it is told of all but the first
POLL_SECONDS = 0.002
LIVES = 0.25, 1.0  # the longest of the short and of the long lives, as shares of the whole
SHORT = 0.8  # share of the lives
AIMED = 2  # kills of a build in each stage that is aimed at


def started(recipe: Path, out: Path, told: Path) -> int:
    """Start the build of *recipe* at *out* in a fork, which writes what it tells to *told*; gives its process id."""
    told.unlink(missing_ok=True)  # nobody must read what the last one told
    process = os.fork()
    if process:
        return process
    stream = os.open(told, os.O_WRONLY | os.O_CREAT)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    worker.subprocess = measured_here.SUBPROCESS  # type: ignore[attr-defined]
    os._exit(command_line(["build", str(recipe), "-o", str(out)]))


@dataclass(frozen=True)
class Moment:
    """When a process is killed: so many *seconds* of the processor after it has come to *stage*, or to a later one."""

    seconds: float
    stage: str = STAGES[0]


NEVER = Moment(math.inf)


def processor_seconds(process: int) -> float:
    """That *process* has had: by its clock, as clock_getcpuclockid(3) makes its number of the process id."""
    return time.clock_gettime(~process << 3 | 2)


def ended(process: int, moment: Moment, told: Path) -> dict[str, float]:
    """Let *process* live until *moment*, and kill it then.

    Returns:
        Where it ended well by itself, seconds of the processor at which it came to each stage that it was seen in, and
        at ``end`` those that it had; nothing where it was killed.
    """
    came: dict[str, float] = {}
    while True:
        found, status, used = os.wait4(process, os.WNOHANG)
        if found:
            if status == signal.SIGKILL:
                return {}
            if status:
                sys.exit(f"a build that went on failed: {told.read_text(errors='replace')}")
            return {**came, "end": used.ru_utime + used.ru_stime}
        now = processor_seconds(process)
        came.setdefault(stage_of(told), now)
        there = (at for stage, at in came.items() if STAGES.index(stage) >= STAGES.index(moment.stage))
        if now >= min(there, default=math.inf) + moment.seconds:
            os.kill(process, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def stage_of(told: Path) -> str:
    """The stage that a build is in which tells *told*: what it told of last, or what follows on what had ended."""
    text = told.read_text(errors="replace") if told.exists() else ""
    lines = [line.partition(": ") for line in text.splitlines() if line.partition(": ")[0] in STAGES]
    if not lines:
        return STAGES[0]
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


def moments(chance: random.Random, undisturbed: Mapping[str, float], lives: Sequence[float]) -> Iterator[Moment]:
    """When the processes of a build are killed, one after the other, by times of an *undisturbed* one."""
    short, long = lives
    while True:
        yield Moment(chance.random() * undisturbed["end"] * (short if chance.random() < SHORT else long))


def aimed(chance: random.Random, undisturbed: Mapping[str, float], stages: Sequence[str]) -> Iterator[Moment]:
    """The same, in each of *stages* some; the last process lives to its end."""
    took = {stage: after - at for (stage, at), (_, after) in pairwise(undisturbed.items())}
    for stage in sorted(stages, key=STAGES.index):
        for _ in range(AIMED):
            yield Moment(chance.random() * took[stage], stage)


def study(kills: int, seed: int, lives: Sequence[float], stages: Sequence[str], folder: Path) -> dict[str, object]:
    """Kill *kills* times, and tell of it."""
    chance, recipe, told = random.Random(seed), folder / "coins.toml", folder / "told"
    recipe.write_text(RECIPE)
    began = time.monotonic()
    undisturbed = ended(started(recipe, folder / "undisturbed", told), NEVER, told)
    wanted = contents(folder / "undisturbed")
    killed, builds, attempts, where = 0, 0, Counter[int](), Counter[str]()
    while killed < kills:
        out, before = folder / f"build-{killed}", killed
        plan = aimed(chance, undisturbed, stages) if stages else moments(chance, undisturbed, lives)
        # A last build may end undisturbed: there are as many kills as were asked for.
        while not ended(started(recipe, out, told), next(plan, NEVER) if killed < kills else NEVER, told):
            killed += 1
            stage = stage_of(told)
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
        "processor_seconds_undisturbed": {stage: round(at, 2) for stage, at in undisturbed.items()},
        "seconds": round(time.monotonic() - began),
        "fell_in": {stage: where[stage] for stage in STAGES},
        "builds_by_kills": dict(sorted(attempts.items())),
    }


def main() -> None:
    """Print the record, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lives", type=float, nargs=2, default=LIVES, metavar=("SHORT", "LONG"))
    parser.add_argument("--aim", nargs="+", default=(), choices=STAGES, metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .json file")
    options = parser.parse_args()
    for library in LIBRARIES:  # once, for all forks
        importlib.import_module(library)

    with tempfile.TemporaryDirectory() as folder:
        record = study(options.kills, options.seed, options.lives, options.aim, Path(folder))
    text = json.dumps({**record, "seed": options.seed, "machine": machine().model_dump()}, indent=1)
    print(text)
    if options.output:
        write_text(options.output, text + "\n")


if __name__ == "__main__":
    main()
