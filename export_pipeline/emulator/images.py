"""Pillow images to arrays and back, as Core ML does it for image inputs and outputs.

An output image of eight bits is the tensor held in 0..255 and rounded to the nearest integer, halves to even.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EmulatorError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..records.signature import Port


_MODES = {"RGB": "RGB", "BGR": "RGB", "GRAYSCALE": "L", "GRAYSCALE_FLOAT16": "F"}


def to_array(image: Any, feature: Port) -> np.ndarray:
    """A Pillow image as float32 ``[1, C, H, W]``, channels in the order that the model declares.

    Eight-bit images are 0..255; the pixels of a ``GRAYSCALE_FLOAT16`` image are rounded to half precision. Raises
    EmulatorError for an image of another mode or of a size that the model does not declare.
    """
    if not hasattr(image, "convert"):
        raise EmulatorError(f"input {feature.name!r} takes a PIL image, not {type(image).__name__}")
    wanted = _MODES[str(feature.color)]
    if image.mode != wanted:
        hint = f"image.convert({wanted!r}) makes one"
        raise EmulatorError(f"input {feature.name!r} takes a PIL image of mode {wanted!r}, not {image.mode!r}; {hint}")
    width, height = image.size
    if not feature.accepts((1, feature.shape[1], height, width)):
        raise EmulatorError(
            f"input {feature.name!r} takes an image of {feature.allowed()} (batch, channels, height, width); "
            f"this one is {width} wide and {height} high"
        )
    pixels = np.asarray(image, np.float32)
    if wanted == "F":
        return _half(pixels)[None, None]
    if wanted == "L":
        return pixels[None, None]
    planes = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[::-1] if feature.color == "BGR" else planes)[None]


def to_image(array: np.ndarray, feature: Port) -> Image:
    """The tensor ``[1, C, H, W]`` of an image output as a Pillow image of mode RGB, L or F.

    Raises EmulatorError if the tensor is no such image: if it holds NaN, several images, or other channels.
    """
    from PIL import Image

    if np.isnan(array).any():
        raise EmulatorError(f"output {feature.name!r} is not an image: it holds NaN")
    channels = feature.closed_shape[1]
    if array.ndim < 3 or array.shape[-3] != channels or array.size != np.prod(array.shape[-3:]):
        raise EmulatorError(
            f"output {feature.name!r} is not an image of {channels} channels: its shape is {array.shape}"
        )
    planes = array.reshape(array.shape[-3:])
    if feature.color == "GRAYSCALE_FLOAT16":
        return Image.fromarray(_half(planes[0]))
    pixels = np.rint(np.clip(planes, 0, 255)).astype(np.uint8)
    if feature.color == "GRAYSCALE":
        return Image.fromarray(pixels[0])
    ordered = pixels[::-1] if feature.color == "BGR" else pixels
    return Image.fromarray(np.ascontiguousarray(ordered.transpose(1, 2, 0)))


def _half(pixels: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return pixels.astype(np.float16).astype(np.float32)
