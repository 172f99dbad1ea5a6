"""The emulator against the same network exported by tf2onnx, in one interleaved run, and how long loading takes.

``python -m tests.emulator.speed [--size 256] [--runs 30]``: one thread, float32 (``compute="float32"``), medians.
tf2onnx runs with its own default optimizers, so it is at its best. Writes ``speed.json`` and the emulator's SPEED.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import emulator
from export_pipeline.base.cores import cores
from export_pipeline.base.files import write_text
from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.models import NETWORKS
from export_pipeline.report.machine import processor
from tests.builds import COMMITTED

RECORD = Path(__file__).with_name("speed.json")
DOCUMENT = Path(emulator.__file__).with_name("SPEED.md")
SMALL = next(COMMITTED.glob("*int8.mlpackage"))
MOST = 1.15  # times as slow as tf2onnx's network
LONGEST = 1.0  # seconds of loading
_LIBRARIES = ("onnxruntime", "coremltools", "onnx", "tf2onnx", "tensorflow", "numpy")
_LOADS = 5
_LOADING = """
import sys, time
from export_pipeline.emulator.coremltools_quietly import coremltools
start = time.perf_counter()
coremltools()
imported = time.perf_counter()
from export_pipeline.emulator import CoreMLModel
CoreMLModel(sys.argv[1])
print(imported - start, time.perf_counter() - imported)
"""


def mobilenet(size: int) -> Any:
    """MobileNetV2 with random weights."""
    import tf_keras as keras

    return keras.applications.MobileNetV2((size, size, 3), weights=None)


def _emulator(model: Any, size: int, folder: Path) -> Callable[[], Any]:
    import coremltools as ct
    import tensorflow as tf

    call = tf.function(model, input_signature=[tf.TensorSpec((1, size, size, 3), tf.float32, name="x")])
    with quiet():
        converted = ct.convert(
            [call.get_concrete_function()], source="tensorflow", convert_to="mlprogram",
            inputs=[ct.ImageType("x", shape=(1, size, size, 3))], minimum_deployment_target=ct.target.iOS16,
        )  # fmt: skip
    path = folder / "model.mlpackage"
    converted.save(str(path))
    emulated = CoreMLModel(path, compute="float32", threads=1)
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, size, size)).astype(np.float32)
    return lambda: emulated.run({"x": image})


def _tf2onnx(model: Any, size: int) -> Callable[[], Any]:
    import onnxruntime as ort
    import tensorflow as tf
    import tf2onnx

    proto, _ = tf2onnx.convert.from_keras(model, [tf.TensorSpec((1, size, size, 3), tf.float32, name="x")], opset=17)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    return lambda: session.run(None, {"x": image})


def interleaved(sides: list[Callable[[], Any]], runs: int) -> list[float]:
    """The median seconds of each side, all of them timed in turn after a warm-up."""
    taken: list[list[float]] = [[] for _ in sides]
    for turn in range(runs + 3):
        for side, times in zip(sides, taken, strict=True):
            start = time.perf_counter()
            side()
            if turn >= 3:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def loading() -> dict[str, float]:
    """Median seconds, in fresh processes, of importing coremltools and of loading the small style network after it."""
    answers = []
    for _ in range(_LOADS):
        command = [sys.executable, "-c", _LOADING, str(SMALL)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        if done.stderr:
            sys.exit(f"loading is not silent: {done.stderr}")
        answers.append([float(word) for word in done.stdout.split()])
    imported, loaded = (statistics.median(column) for column in zip(*answers, strict=True))
    return {"import_coremltools_s": round(imported, 3), "load_s": round(loaded, 3)}


def measure(size: int, runs: int) -> dict[str, Any]:
    """The whole record."""
    networks = {
        "small": NETWORKS["small"](),
        "johnson 0.5": NETWORKS["johnson"](alpha=0.5),
        "MobileNetV2": mobilenet(size),
    }
    rows = []
    for name, model in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = interleaved([_emulator(model, size, Path(folder)), _tf2onnx(model, size)], runs)
        rows.append({"network": name, "emulator_ms": round(ours * 1e3, 2), "tf2onnx_ms": round(theirs * 1e3, 2)})
        print(f"{name}: {ours / theirs:.2f} times tf2onnx", file=sys.stderr, flush=True)
    return {
        "processor": processor(),
        "cores": cores(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "size": size,
        "runs": runs,
        "networks": rows,
        "loaded": SMALL.name,
        "loads": _LOADS,
        **loading(),
    }


def text(record: dict[str, Any]) -> str:
    """SPEED.md for a record."""
    versions = ", ".join(f"{name} {number}" for name, number in record["libraries"].items())
    lines = [
        "# How fast the emulator is",
        "",
        "Generated by `make speed`, which measures anew; a test compares it with its record.",
        "",
        f"Measured on {record['processor']} ({record['cores']} cores), Python {record['python']}, {versions}.",
        "",
        f"The same Keras network as a Core ML program in the emulator and as tf2onnx exports it: float32, "
        f"{record['size']}x{record['size']},",
        f"one thread, medians of {record['runs']} runs of each in turns. At most {MOST} times as slow is wanted.",
        "",
        "| network | emulator, ms | tf2onnx, ms | ratio |",
        "|---|---:|---:|---:|",
    ]
    for row in record["networks"]:
        ratio = row["emulator_ms"] / row["tf2onnx_ms"]
        lines.append(f"| {row['network']} | {row['emulator_ms']:.1f} | {row['tf2onnx_ms']:.1f} | {ratio:.2f} |")
    lines += [
        "",
        f"Loading `{record['loaded']}` takes {record['load_s']:.2f} s beyond importing coremltools, which takes "
        f"{record['import_coremltools_s']:.1f} s",
        f"(medians of {record['loads']} fresh processes; it imports TensorFlow where that is installed). At most "
        f"{LONGEST:.0f} s is wanted.",
    ]
    return "\n".join(lines) + "\n"


def misses(record: dict[str, Any]) -> list[str]:
    """What of a record is slower than wanted."""
    slow = [row["network"] for row in record["networks"] if row["emulator_ms"] > MOST * row["tf2onnx_ms"]]
    return slow + (["loading"] if record["load_s"] > LONGEST else [])


def main() -> int:
    """Measure, write and print. 1 if something is slower than wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    record = measure(options.size, options.runs)
    write_text(RECORD, json.dumps(record, indent=1) + "\n")
    write_text(DOCUMENT, text(record))
    print(text(record), end="")
    if slow := misses(record):
        print(f"slower than wanted: {', '.join(slow)}", file=sys.stderr)
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
