"""The emulator against the same network exported by tf2onnx, in one interleaved run.

``python -m tests.emulator.speed [--size 256] [--runs 30]``: one thread, float32 (``compute="float32"``), medians.
tf2onnx runs with its own default optimizers, so it is at its best.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import quiet
from models import NETWORKS


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


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    size = options.size
    networks = {
        "small": NETWORKS["small"](),
        "johnson 0.5": NETWORKS["johnson"](alpha=0.5),
        "MobileNetV2": mobilenet(size),
    }
    print(
        f"{size}x{size}, one thread, {platform.processor() or platform.machine()}, onnxruntime {version('onnxruntime')}"
    )
    print("| network | emulator, ms | tf2onnx, ms | ratio |\n|---|---|---|---|")
    for name, model in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = interleaved([_emulator(model, size, Path(folder)), _tf2onnx(model, size)], options.runs)
        print(f"| {name} | {ours * 1e3:.1f} | {theirs * 1e3:.1f} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
