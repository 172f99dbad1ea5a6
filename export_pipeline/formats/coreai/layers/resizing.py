"""Other sizes of an image: repeated, interpolated, cut, mirrored, and pixels that become channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from export_pipeline.formats.coreai import images
from export_pipeline.formats.coreai.layers.convolution import as_image, as_it_was, pair
from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

_MODES = ("nearest", "bilinear")


def _mode(config: Mapping[str, Any]) -> str:
    if config.get("crop_to_aspect_ratio"):
        return "crop_to_aspect_ratio"
    name = config.get("interpolation", "nearest")
    return "" if name in _MODES else f"interpolation {name!r}"


@layer("UpSampling1D", "UpSampling2D", check=_mode)
def _repeated(program: Program, call: Call, x: Tensor) -> Tensor:
    image, rank = as_image(program, x)
    times = pair(call.config["size"], rank)
    size = tuple(own * factor for own, factor in zip(image.shape[1:3], times, strict=True))
    return as_it_was(program, images.resize(program, image, size, call.config.get("interpolation", "nearest")), rank)


@layer("Resizing", check=_mode)
def _resized(program: Program, call: Call, x: Tensor) -> Tensor:
    size = (int(call.config["height"]), int(call.config["width"]))
    return images.resize(program, program.computed(x), size, call.config["interpolation"])


@layer("ScaleSize")
def _scaled(program: Program, call: Call, x: Tensor) -> Tensor:
    return images.resize(program, program.computed(x), call.shape[1:3], "bilinear")


@layer("MatchSize")
def _matched(program: Program, call: Call, x: Tensor, like: Tensor) -> Tensor:
    size = like.shape[1:3]
    if x.shape[1:3] == size:
        return x
    if call.config["resize"]:
        return images.resize(program, x, size, "bilinear")
    return program.cut(x, (0, 0, 0, 0), (x.shape[0], *size, x.shape[3]))


@layer("MirrorPadding")
def _mirrored(program: Program, call: Call, x: Tensor) -> Tensor:
    margin = int(call.config["margin"])
    return program.pad(x, [(0, 0), (margin, margin), (margin, margin), (0, 0)], mode="reflect")


@layer("EdgePadding")
def _continued(program: Program, call: Call, x: Tensor) -> Tensor:
    margin = int(call.config["margin"])
    for axis in (1, 2):
        starts, ends = [0, 0, 0, 0], list(x.shape)
        starts[axis], ends[axis] = x.shape[axis] - 1, 1
        first, last = program.cut(x, (0, 0, 0, 0), ends), program.cut(x, starts, x.shape)
        x = program.concat([*[first] * margin, x, *[last] * margin], axis)
    return x


@layer("ZeroPadding1D", "ZeroPadding2D")
def _zeros(program: Program, call: Call, x: Tensor) -> Tensor:
    return program.pad(x, [(0, 0), *_sides(call.config["padding"]), (0, 0)])


@layer("Cropping1D", "Cropping2D")
def _cropped(program: Program, call: Call, x: Tensor) -> Tensor:
    sides = _sides(call.config["cropping"])
    starts = (0, *(before for before, _ in sides), 0)
    inner = (size - after for size, (_, after) in zip(x.shape[1:-1], sides, strict=True))
    return program.cut(x, starts, (x.shape[0], *inner, x.shape[-1]))


def _sides(value: Any) -> list[tuple[int, int]]:
    """Pairs of an axis each: along time ``(before, after)``, of an image two of them."""
    if isinstance(value[0], int):
        return [(int(value[0]), int(value[1]))]
    return [(int(before), int(after)) for before, after in value]


@layer("DepthToSpace")
def _to_pixels(program: Program, call: Call, x: Tensor) -> Tensor:
    """Channel ``(block i + j) C + c`` to channel ``c`` of row ``i`` and column ``j`` of a square."""
    block, (batch, height, width, deep) = int(call.config["block"]), x.shape
    channels = deep // block**2
    parts = program.reshaped(program.first(x), (batch, block, block, channels, height, width))
    turned = program.transposed(parts, (0, 3, 4, 1, 5, 2))
    return type(x)(program.reshaped(turned, (batch, channels, height * block, width * block)), True)


@layer("SpaceToDepth")
def _to_channels(program: Program, call: Call, x: Tensor) -> Tensor:
    """The other way; sides that are no multiple of the block are filled up with zeros at their end."""
    block = int(call.config["block"])
    x = program.pad(x, [(0, 0), *((0, -size % block) for size in x.shape[1:3]), (0, 0)])
    batch, height, width, channels = x.shape
    parts = program.reshaped(program.first(x), (batch, channels, height // block, block, width // block, block))
    turned = program.transposed(parts, (0, 3, 5, 1, 2, 4))
    return type(x)(program.reshaped(turned, (batch, block**2 * channels, height // block, width // block)), True)
