"""From pixels to the values that a model takes, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from export_pipeline.base.images import to_uint8

FLOATS = [0.0, 0.49, 0.5, 0.51, 1.5, 2.5, -0.0, -0.6, -300.0, 254.5, 254.51, 255.0, 255.4, 255.6, 1e9, 127.49999, 128.5]
# Type, low, high, scale, zero point of a port.
PORTS = [("float32", 0.0, 255.0, 1.0, 0), ("float32", 0.0, 1.0, 1.0, 0), ("float32", -1.0, 1.0, 1.0, 0)]
PORTS += [("uint8", 0.0, 255.0, 1.0, 0), ("int8", 0.0, 255.0, 1.0, -128), ("uint8", -1.0, 1.0, 2 / 255, 128)]
PIXELS = [0, 1, 2, 127, 128, 129, 200, 254, 255]
LIMITS = {"uint8": (0, 255), "int8": (-128, 127)}


def stored(pixel: int, dtype: str, low: float, high: float, scale: float, zero_point: int) -> float | int:
    """What the port holds for *pixel*: the value between low and high, for integers as ``scale * (q - zero_point)``."""
    value = low + pixel * (high - low) / 255
    if dtype == "float32":
        return float(np.float32(value))
    least, most = LIMITS[dtype]
    return int(np.clip(np.rint(value / scale) + zero_point, least, most))


def shown(held: float | int, dtype: str, low: float, high: float, scale: float, zero_point: int) -> int:
    """The pixel for what the port holds, rounded half to even and clipped."""
    value = held if dtype == "float32" else (held - zero_point) * scale
    return int(to_uint8(np.array([(value - low) * 255 / (high - low)]))[0])


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``values.json``."""
    ports = []
    for port in PORTS:
        names = dict(zip(("dtype", "low", "high", "scale", "zero_point"), port, strict=True))
        held = [stored(pixel, *port) for pixel in PIXELS]
        back = [shown(value, *port) for value in held]
        ports.append(names | {"pixels": PIXELS, "held": held, "back": back})
    rounded = to_uint8(np.array(FLOATS, np.float32)).tolist()
    return {
        "to_uint8": [{"floats": FLOATS, "expected": rounded}],
        "refused": ["nan", "inf", "-inf"],
        "ports": ports,
    }
