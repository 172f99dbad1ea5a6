"""Parameters, bytes, multiply-accumulates and forward time of the original loss network and of the distilled."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export_pipeline import coding
from export_pipeline.base.files import size
from export_pipeline.models.vgg import STAGES, needed_layers
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.vgg_weights import Weights

NAMES = ("vgg19", "distilled")
TOP = STAGES[-1]


def parameters(network: LossNetwork) -> int:
    """Values of the kernels and biases up to relu5_1."""
    return sum(part.size for layer in needed_layers(STAGES) for part in network.weights[layer])


def multiply_accumulates(weights: Weights, side: int) -> int:
    """Of all convolutions up to relu5_1 on an image *side* pixels square; each block halves it, rounding down."""
    found = 0
    for layer in needed_layers(STAGES):
        if layer.endswith("_1") and layer != "conv1_1":
            side //= 2
        found += side * side * weights[layer][0].size
    return found


def container_bytes(weights: Weights) -> int:
    """Bytes of *weights* up to relu5_1 in a container, tables of 256 values a layer where they are that already."""
    arrays: dict[str, Any] = {}
    for layer in needed_layers(STAGES):
        kernel, bias = weights[layer]
        arrays |= {f"{layer}_kernel": coding.coded(kernel), f"{layer}_bias": bias}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"vgg19{coding.SUFFIX}"
        coding.write(path, arrays)
        return size(path)


def seconds(networks: Mapping[str, LossNetwork], side: int, runs: int) -> dict[str, list[float]]:
    """Of each run from an image *side* pixels square to relu5_1, in one pass; the networks in turns."""
    image = tf.constant(np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32))
    forward = {}
    for name, network in networks.items():
        features = network.features((TOP,))
        # Only a sum comes back, so that no run pays for a copy of the features.
        forward[name] = tf.function(lambda x, features=features: tf.reduce_sum(features(x, training=False)))
    found: dict[str, list[float]] = {name: [] for name in networks}
    for run in range(runs + 1):
        for name, function in forward.items():
            begun = time.perf_counter()
            function(image).numpy()
            if run:
                found[name].append(time.perf_counter() - begun)
    return found


def costs(original: LossNetwork, distilled: LossNetwork, shipped: Path, sizes: Mapping[int, int]) -> dict[str, Any]:
    """The figures of both; *shipped* is the file of the distilled, *sizes* the runs at each side in pixels."""
    networks = dict(zip(NAMES, (original, distilled), strict=True))
    rows: dict[str, dict[str, Any]] = {}
    for name, network in networks.items():
        count = parameters(network)
        stored = size(shipped) if name == "distilled" else container_bytes(network.weights)
        rows[name] = {"parameters": count, "float32_bytes": 4 * count, "container_bytes": stored, "sizes": {}}
    for side, runs in sizes.items():
        print(f"forward time at {side}x{side}, {runs} runs of each", flush=True)
        for name, taken in seconds(networks, side, runs).items():
            low, high = np.percentile(taken, (25, 75))
            rows[name]["sizes"][str(side)] = {
                "multiply_accumulates": multiply_accumulates(networks[name].weights, side),
                "median_seconds": round(statistics.median(taken), 5),
                "iqr_seconds": round(float(high - low), 5),
                "runs": runs,
            }
    return rows
