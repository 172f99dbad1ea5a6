"""Changing the size of the last two axes."""

from __future__ import annotations

import numpy as np

from ..calls import Call
from ..graph import Tensor, ints
from ..registry import lower
from ..sampling import grid, linear, linear_2d, nearest, nearest_2d


def _scaled(call: Call, x: Tensor) -> tuple[int, int]:
    factors = [float(call.value(f"scale_factor_{side}")) for side in ("height", "width")]
    # The factor is stored as float32; 0.3 of 10 must be 3, not 2.
    height, width = (int(np.floor(size * factor + 1e-6)) for size, factor in zip(x.sizes[-2:], factors, strict=True))
    return height, width


@lower("upsample_nearest_neighbor", exact=True)
def upsample_nearest_neighbor(call: Call) -> Tensor:
    """Nearest neighbour by factors."""
    x = call.tensor("x")
    return nearest_2d(call.graph, x, *_scaled(call, x), centred=False)


@lower("resize_nearest_neighbor", exact=True)
def resize_nearest_neighbor(call: Call) -> Tensor:
    """Nearest neighbour to a size."""
    height, width = int(call.value("target_size_height")), int(call.value("target_size_width"))
    return nearest_2d(call.graph, call.tensor("x"), height, width, centred=True)


@lower("upsample_bilinear")
def upsample_bilinear(call: Call) -> Tensor:
    """Bilinear by factors, which are computed anew from the rounded output size."""
    x = call.tensor("x")
    corners = bool(call.value("align_corners"))
    centred = bool(call.value("half_pixel_centers", not corners))
    mode = "STRICT_ALIGN_CORNERS" if corners else "UNALIGN_CORNERS" if centred else "DEFAULT"
    return linear_2d(call.graph, x, *_scaled(call, x), mode)


@lower("resize_bilinear")
def resize_bilinear(call: Call) -> Tensor:
    """Bilinear to a size."""
    height, width = int(call.value("target_size_height")), int(call.value("target_size_width"))
    return linear_2d(call.graph, call.tensor("x"), height, width, str(call.value("sampling_mode")))


@lower("resize")
def resize(call: Call) -> Tensor:
    """The last ``resized_dims`` axes to the sizes at the end of ``shape``; 0 keeps a size."""
    x, mode = call.tensor("x"), str(call.value("sampling_mode"))
    is_linear = str(call.value("interpolation_mode")) == "LINEAR"
    count = int(call.value("resized_dims"))
    for axis, given in zip(range(-count, 0), np.asarray(call.value("shape"))[-count:], strict=True):
        size = int(given) or x.sizes[axis]
        if is_linear:
            x = linear(call.graph, x, axis, grid(x.sizes[axis], size, mode))
        elif mode in ("DEFAULT", "UNALIGN_CORNERS"):
            x = nearest(call.graph, x, axis, size, centred=True)
        else:  # The nearest pixel is the one before where two are equally near.
            x = linear(call.graph, x, axis, np.ceil(grid(x.sizes[axis], size, mode) - 0.5))
    return x


@lower("crop", exact=True)
def crop(call: Call) -> Tensor:
    """Cut rows and columns off the edges."""
    x = call.tensor("x")
    (top, bottom), (left, right) = call.value("crop_height"), call.value("crop_width")
    rows, columns = x.sizes[-2:]
    return call.graph.node("Slice", x, ints([top, left]), ints([rows - bottom, columns - right]), ints([-2, -1]))
