"""Kill builds with SIGKILL at random moments, let them go on, and compare what they leave: ``make killstudy``.

A small build is run once undisturbed. Then builds of the same recipe are started in folders of their own, each is
killed after a random time and started again until it ends, and its manifest, which has the hash of every file that is
the same for the same recipe, must be that of the undisturbed build, byte for byte. After each kill the bundle must not
be there yet.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from export_pipeline.base.files import write_text
from export_pipeline.models.vgg import kernel_shapes
from export_pipeline.perception.vgg_weights import save_npz
from export_pipeline.report.machine import machine
from tests import builds

TARGETS = ("mlmodel-int8", "tflite-dynamic")
MANIFEST = "manifest.json"


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


def ended(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether *process* ended well by itself within *seconds*; it is killed if not."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        _, complaints = process.communicate(timeout=seconds)
        if process.returncode:
            sys.exit(f"a build that went on failed: {complaints}")
        return True
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return False


def furthest(work: Path) -> str:
    """The furthest stage that has left something in a work folder, for the count of where kills fell."""
    stages = ("train", "compress", "export")
    return next((stage for stage in reversed(stages) if (work / stage).is_dir()), "before anything")


def study(kills: int, seed: int, folder: Path) -> dict[str, object]:
    """Kill *kills* times, and tell of it."""
    chance, recipe = random.Random(seed), builds.recipe(folder, vgg_weights(folder / "vgg.npz"), TARGETS)
    begun = time.monotonic()
    if not ended(builds.start("build", recipe, "-o", folder / "undisturbed"), 3600):
        sys.exit("the undisturbed build took more than an hour")
    whole = time.monotonic() - begun
    wanted = (folder / "undisturbed" / MANIFEST).read_bytes()
    killed, same, where = 0, 0, Counter[str]()
    while killed < kills:
        out = folder / f"build-{killed}"
        work = out.with_name(f".{out.name}.work")
        while not ended(builds.start("build", recipe, "-o", out), chance.uniform(0, whole)):
            killed += 1
            where[furthest(work)] += 1
            if out.exists():
                sys.exit(f"{out} was there although its build had not ended")
            print(f"{killed} kills, {same} builds ended", flush=True)
        if (out / MANIFEST).read_bytes() != wanted:
            sys.exit(f"after {killed} kills {out / MANIFEST} differs from the undisturbed build's; seed {seed}")
        same += 1
        for path in (out, work):
            shutil.rmtree(path, ignore_errors=True)
    return {
        "kills": killed,
        "builds": same,
        "identical": same,
        "seconds_undisturbed": round(whole),
        "fell_in": dict(where),
    }


def main() -> None:
    """Print the record, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .json file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = {**study(options.kills, options.seed, Path(folder)), "seed": options.seed}
    text = json.dumps({**record, "machine": machine().model_dump()}, indent=1)
    print(text)
    if options.output:
        write_text(options.output, text + "\n")


if __name__ == "__main__":
    main()
