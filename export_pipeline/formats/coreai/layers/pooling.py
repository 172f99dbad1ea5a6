"""Poolings over windows and over all of an image or a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from export_pipeline.formats.coreai import images
from export_pipeline.formats.coreai.layers.convolution import around, as_image, as_it_was, pair
from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

Pairs = list[tuple[int, int]]


def _windows(call: Call, image: Tensor, rank: int) -> tuple[tuple[int, int], tuple[int, int], Pairs]:
    """Window, stride and padding of height and width."""
    window, stride = (pair(call.config[key], rank) for key in ("pool_size", "strides"))
    sizes = zip(image.shape[1:3], window, stride, strict=True)
    return window, stride, [around(size, own, step, call.config["padding"]) for size, own, step in sizes]


@layer("MaxPooling1D", "MaxPooling2D")
def _largest(program: Program, call: Call, x: Tensor) -> Tensor:
    image, rank = as_image(program, x)
    window, stride, sides = _windows(call, image, rank)
    # The least finite number: infinity times zero, in a kernel that masks, would be no number.
    padded = program.pad(image, [(0, 0), *sides, (0, 0)], float(np.finfo(x.dtype).min))
    return as_it_was(program, images.max_pool(program, padded, window, stride), rank)


@layer("AveragePooling1D", "AveragePooling2D")
def _averages(program: Program, call: Call, x: Tensor) -> Tensor:
    """Sums over windows, divided by how much of each lies in the image."""
    image, rank = as_image(program, program.computed(x))
    window, stride, sides = _windows(call, image, rank)
    sums = images.sum_pool(program, program.pad(image, [(0, 0), *sides, (0, 0)]), window, stride)
    counts = [
        _inside(size, own, step, side)
        for size, own, step, side in zip(image.shape[1:3], window, stride, sides, strict=True)
    ]
    shares = 1 / np.multiply.outer(*counts)
    if np.ptp(shares) == 0:
        return as_it_was(program, program.scaled(sums, float(shares.flat[0])), rank)
    factors = program.constant(shares[None, None].astype(np.float32), np.dtype(sums.dtype))
    return as_it_was(program, program.binary("mul", sums, type(x)(factors, True)), rank)


def _inside(size: int, window: int, stride: int, side: tuple[int, int]) -> np.ndarray:
    """How many places of each window lie within an axis of *size*."""
    starts = np.arange(0, size + sum(side) - window + 1, stride) - side[0]
    return np.minimum(starts + window, size) - np.maximum(starts, 0)


def _over_all(program: Program, name: str, call: Call, x: Tensor) -> Tensor:
    axes = tuple(range(1, len(x.held) - 1))
    # Means of thousands of values are taken in float32, as in a norm.
    exact = program.cast(x, np.float32) if name == "mean" else x
    made = getattr(program, name)(exact, axes)
    return program.reshape(program.cast(made, program.compute), call.shape)


@layer("GlobalAveragePooling1D", "GlobalAveragePooling2D")
def _mean_of_all(program: Program, call: Call, x: Tensor) -> Tensor:
    return _over_all(program, "mean", call, x)


@layer("GlobalMaxPooling1D", "GlobalMaxPooling2D")
def _largest_of_all(program: Program, call: Call, x: Tensor) -> Tensor:
    return _over_all(program, "maximum_over", call, program.computed(x))
