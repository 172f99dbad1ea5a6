"""Values of a network into the arrays that a file takes, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from export_pipeline.base.images import fit
from export_pipeline.errors import ModelError
from export_pipeline.formats.interface import guessed_layout
from export_pipeline.records.signature import Port, Signature

NO_NUMBERS = ("string", "dictionary", "sequence")  # types of ports of the kind value that hold other things


def resize_to(image: np.ndarray, signature: Signature | None) -> np.ndarray:
    """*image* fitted to the size in *signature* (resized, then its centre); as it is when there is none."""
    return fit(image, *signature.size) if signature is not None and signature.pictures else image


def to_port(value: Any, port: Port) -> np.ndarray:
    """*value*, in the layout and units of the network, in those of *port*.

    A picture is ``(H, W, C)``, or ``(H, W)`` where it is gray; other values have the axes of the port. A batch axis of
    one may be there or not.
    """
    array = np.asarray(value)
    if port.layout is None:
        return _typed(array[None] if array.ndim == len(port.shape) - 1 else array, port)
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3:
        raise ModelError(f"input {port.name!r} takes one image (height, width, channels); this one is {array.shape}")
    array = array if port.layout == "NHWC" else array.transpose(2, 0, 1)
    return np.ascontiguousarray(_typed(array[None] if len(port.shape) == 4 else array, port))


def from_port(array: np.ndarray, port: Port) -> np.ndarray:
    """What *port* gave as float32 in the layout and units of the network, without the batch axis of one."""
    known = port if port.shape else port.model_copy(update={"layout": guessed_layout(array.shape)})
    values = (np.asarray(array).astype(np.float32) - np.float32(known.zero_point)) * np.float32(known.scale)
    batched = values.ndim == 4 if known.layout else values.ndim > 1
    if batched and values.shape[0] == 1:
        values = values[0]
    if known.layout == "NCHW" and values.ndim == 3:
        values = values.transpose(1, 2, 0)
    return np.ascontiguousarray(values)


def noise(port: Port, size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """A value for *port* to measure with; open sides of a picture are those of *size*.

    Raises:
        ModelError: the port takes text, a dictionary or a list.
    """
    if port.size is not None:
        height, width = (given or wanted for given, wanted in zip(port.size, size, strict=True))
        return to_port(generator.integers(0, 256, (height, width, 3), dtype=np.uint8), port)
    if port.dtype in NO_NUMBERS:
        raise ModelError(f"input {port.name!r} is a {port.dtype}, for which there is no example")
    if port.scale == 1 and port.dtype in ("int32", "int64"):
        # Often indices, which large numbers are not.
        return generator.integers(0, 2, port.closed_shape).astype(port.dtype)
    return np.asarray(generator.random(port.closed_shape) * 255).astype(port.array_dtype)


def _typed(array: np.ndarray, port: Port) -> np.ndarray:
    """*array* in the type and quantization of *port*."""
    dtype = np.dtype(port.array_dtype)
    if dtype.kind not in "iu":
        return array.astype(dtype, copy=False)
    if (port.scale, port.zero_point) != (1, 0):
        array = np.rint(array.astype(np.float32) / np.float32(port.scale)) + port.zero_point
    elif array.dtype.kind == "f":
        array = np.rint(array)
    limits = np.iinfo(dtype)
    clipped: np.ndarray = np.clip(array, limits.min, limits.max).astype(dtype)
    return clipped
