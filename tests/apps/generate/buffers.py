"""Camera and bitmap buffers whose rows are longer than the picture."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.apps.generate.drawing import noisy, png

ORDERS = {"RGBA": (0, 1, 2, 3), "BGRA": (2, 1, 0, 3)}
# Width, height, bytes of a row. 28 is exactly the row, 64 an aligned one, 29 one that no pixel divides.
PACKED = [(7, 5, 28), (7, 5, 64), (7, 5, 29)]
# Width, height, row stride of Y, row stride and pixel stride of U and V.
PLANAR = [(8, 6, 8, 4, 1), (8, 6, 16, 16, 2), (8, 6, 11, 8, 2)]
FILLER = 0xA5  # what lies between the rows; it must show nowhere


def encoded(data: np.ndarray | bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(bytes(data)).decode()


def _packed(picture: np.ndarray, stride: int, order: tuple[int, ...]) -> bytes:
    height, width = picture.shape[:2]
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., order[:3]] = picture
    rows = np.full((height, stride), FILLER, np.uint8)
    rows[:, : width * 4] = pixels.reshape(height, -1)
    return rows.tobytes()[: (height - 1) * stride + width * 4]  # the last row ends with its last pixel


def _plane(values: np.ndarray, row_stride: int, pixel_stride: int) -> bytes:
    height, width = values.shape
    rows = np.full((height, row_stride), FILLER, np.uint8)
    rows[:, : (width - 1) * pixel_stride + 1 : pixel_stride] = values
    return rows.tobytes()[: (height - 1) * row_stride + (width - 1) * pixel_stride + 1]


def rgb_of_yuv(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Full-range BT.601 (as JFIF has it) in 16-bit fixed point; a value of U and V is for 2x2 pixels."""
    light = y.astype(np.int64) * 65536 + 32768
    first, second = (np.repeat(np.repeat(plane.astype(np.int64) - 128, 2, 0), 2, 1) for plane in (u, v))
    red = light + 91881 * second
    green = light - 22554 * first - 46802 * second
    blue = light + 116130 * first
    return np.clip(np.stack([red, green, blue], 2) >> 16, 0, 255).astype(np.uint8)


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``buffers.json``; bytes are Base64."""
    packed, planar = [], []
    picture = noisy(5, 7, 100)
    save("buffers/packed.png", png(picture))
    for width, height, stride in PACKED:
        for name, order in ORDERS.items():
            case = {"order": name, "width": width, "height": height, "row_stride": stride}
            packed.append(case | {"bytes": encoded(_packed(picture, stride, order)), "expected": "buffers/packed.png"})
    y, u, v = (noisy(*size, 200 + i)[..., 0] for i, size in enumerate([(6, 8), (3, 4), (3, 4)]))
    save("buffers/planar.png", png(rgb_of_yuv(y, u, v)))
    for width, height, row, chroma_row, chroma_pixel in PLANAR:
        case = {"width": width, "height": height, "y_row_stride": row, "uv_row_stride": chroma_row}
        planes = {
            "y": _plane(y, row, 1),
            "u": _plane(u, chroma_row, chroma_pixel),
            "v": _plane(v, chroma_row, chroma_pixel),
        }
        case |= {"uv_pixel_stride": chroma_pixel, "expected": "buffers/planar.png"}
        planar.append(case | {name: encoded(data) for name, data in planes.items()})
    return {"packed": packed, "yuv_420": planar}
