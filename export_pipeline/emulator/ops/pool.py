"""Pools."""

from __future__ import annotations

from ..calls import Call
from ..graph import Tensor
from ..pooling import avg_pool, l2_pool, max_pool
from ..registry import lower
from ..windows import Pads, ceil_pads, pairs, same_pads


def _window(call: Call, x: Tensor) -> tuple[list[int], list[int], Pads, Pads]:
    """Kernel, strides, the padding asked for, and the padding that gives Core ML's output size."""
    kernel = [int(k) for k in call.value("kernel_sizes")]
    strides = [int(s) for s in call.value("strides")]
    kind = str(call.value("pad_type"))
    asked: Pads = [(0, 0)] * len(kernel)
    if kind == "custom":
        asked = pairs(call.value("pad"))
    elif kind.startswith("same"):
        asked = same_pads(x.sizes[2:], kernel, strides, lower=kind == "same_lower")
    full = ceil_pads(x.sizes[2:], kernel, strides, asked) if bool(call.value("ceil_mode", False)) else asked
    return kernel, strides, asked, full


@lower("max_pool", exact=True)
def lower_max_pool(call: Call) -> Tensor:
    """Maximum over windows of ``x [N, C, *D]``."""
    x = call.tensor("x")
    kernel, strides, _, full = _window(call, x)
    return max_pool(call.graph, x, kernel, strides, full)


@lower("avg_pool")
def lower_avg_pool(call: Call) -> Tensor:
    """Mean over windows; zeros of the padding count unless ``exclude_padding_from_average``."""
    x = call.tensor("x")
    kernel, strides, asked, full = _window(call, x)
    none: Pads = [(0, 0)] * len(kernel)
    counted = none if bool(call.value("exclude_padding_from_average")) else asked
    return avg_pool(call.graph, x, kernel, strides, full, counted)


@lower("l2_pool")
def lower_l2_pool(call: Call) -> Tensor:
    """Euclidean norm over windows."""
    x = call.tensor("x")
    kernel, strides, _, full = _window(call, x)
    return l2_pool(call.graph, x, kernel, strides, full)
