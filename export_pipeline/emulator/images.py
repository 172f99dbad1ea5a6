"""Pillow images to arrays and back, as Core ML does it for image inputs and outputs.

An output image is the tensor held in 0..255 and rounded to the nearest integer, halves to even.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EmulatorError

if TYPE_CHECKING:
    from PIL.Image import Image

    from .features import Feature


def to_array(image: Any, feature: Feature) -> np.ndarray:
    """A Pillow image as float32 ``[1, C, H, W]``, 0..255, channels in the order that the model declares."""
    if not hasattr(image, "convert"):
        raise EmulatorError(f"input {feature.name!r} takes a PIL image, not {type(image).__name__}")
    gray = str(feature.color).startswith("GRAY")
    wanted = "L" if gray else "RGB"
    if image.mode not in (("L", "F") if gray else ("RGB", "RGBA")):
        raise EmulatorError(f"input {feature.name!r} takes a PIL image of mode {wanted!r}, not {image.mode!r}")
    width, height = image.size
    if not feature.accepts((1, 1 if gray else 3, height, width)):
        raise EmulatorError(
            f"input {feature.name!r} takes an image of {feature.allowed()} (batch, channels, height, width); "
            f"this one is {width} wide and {height} high"
        )
    pixels = np.asarray(image if image.mode == "F" else image.convert(wanted), np.float32)
    if gray:
        return pixels[None, None]
    planes = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[::-1] if feature.color == "BGR" else planes)[None]


def to_image(array: np.ndarray, feature: Feature) -> Image:
    """The tensor ``[1, C, H, W]`` of an image output as a Pillow image. Raises EmulatorError if it holds NaN."""
    from PIL import Image

    if np.isnan(array).any():
        raise EmulatorError(f"output {feature.name!r} is not an image: it holds NaN")
    planes = array.reshape(array.shape[-3:])
    if feature.color == "GRAYSCALE_FLOAT16":
        return Image.fromarray(planes[0].astype(np.float32))
    pixels = np.rint(np.clip(planes, 0, 255)).astype(np.uint8)
    if feature.color == "GRAYSCALE":
        return Image.fromarray(pixels[0])
    ordered = pixels[::-1] if feature.color == "BGR" else pixels
    return Image.fromarray(np.ascontiguousarray(ordered.transpose(1, 2, 0)))
