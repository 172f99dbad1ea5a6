"""Cases of resizing and cropping."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.emulator import reference as ref
from tests.emulator.cases import Case, X
from tests.emulator.mil import mb


def _line(count: int, start: float, end: float, size: int) -> np.ndarray:
    return np.clip(np.linspace(start, end, count), 0, size - 1)


def _resized(mode: str, height: Any, width: Any) -> Case:
    return Case(
        f"resize_bilinear {mode}",
        lambda x: mb.resize_bilinear(x=x, target_size_height=10, target_size_width=4, sampling_mode=mode),
        lambda x: ref.sample(x, height, width), (X,),
    )  # fmt: skip


RESIZES = [
    Case("upsample_nearest_neighbor",
         lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=2, scale_factor_width=3),
         lambda x: x.repeat(2, 2).repeat(3, 3), (X,)),
    Case("upsample_nearest_neighbor, fractions",
         lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=3.17, scale_factor_width=0.67),
         lambda x: x.repeat(3, 2)[..., [0, 1]], (X[:, :, :1, :3],)),
    Case("resize_nearest_neighbor",
         lambda x: mb.resize_nearest_neighbor(x=x, target_size_height=5, target_size_width=9),
         lambda x: x[:, :, [0, 2, 3, 4, 6]][..., [0, 1, 1, 2, 3, 3, 4, 5, 5]], (X,)),
    Case("upsample_bilinear, corners",
         lambda x: mb.upsample_bilinear(x=x, scale_factor_height=2, scale_factor_width=2, align_corners=True),
         lambda x: ref.sample(x, _line(14, 0, 6, 7), _line(12, 0, 5, 6)), (X,)),
    Case("upsample_bilinear, centres",
         lambda x: mb.upsample_bilinear(x=x, scale_factor_height=2, scale_factor_width=2, align_corners=False),
         lambda x: ref.sample(x, _line(14, -0.25, 6.25, 7), _line(12, -0.25, 5.25, 6)), (X,)),
    _resized("STRICT_ALIGN_CORNERS", _line(10, 0, 6, 7), _line(4, 0, 5, 6)),
    _resized("ALIGN_CORNERS", _line(10, 0, 6, 7), _line(4, 0, 5, 6)),
    _resized("DEFAULT", _line(10, 0, 7 - 0.7, 7), _line(4, 0, 6 - 1.5, 6)),
    _resized("OFFSET_CORNERS", _line(10, 0.3, 5.7, 7), _line(4, 0.625, 4.375, 6)),
    _resized("UNALIGN_CORNERS", _line(10, -0.15, 6.15, 7), _line(4, 0.25, 4.75, 6)),
    Case("resize", lambda x: mb.resize(x=x, shape=[0, 10, 4], resized_dims=np.uint32(2),
         sampling_mode="UNALIGN_CORNERS"),
         lambda x: ref.sample(x, _line(10, -0.15, 6.15, 7), _line(4, 0.25, 4.75, 6)), (X,), "iOS17"),
    Case("resize, nearest and kept",
         lambda x: mb.resize(x=x, shape=[14, 0], resized_dims=np.uint32(2), interpolation_mode="NEAREST_NEIGHBOR"),
         lambda x: x.repeat(2, 2), (X,), "iOS17"),
    Case("resize, nearest and smaller",
         lambda x: mb.resize(x=x, shape=[5, 9], resized_dims=np.uint32(2), interpolation_mode="NEAREST_NEIGHBOR"),
         lambda x: x[:, :, [0, 2, 3, 4, 6]][..., [0, 1, 1, 2, 3, 3, 4, 5, 5]], (X,), "iOS17"),
    Case("crop", lambda x: mb.crop(x=x, crop_height=[1, 2], crop_width=[0, 3]), lambda x: x[:, :, 1:5, :3], (X,)),
]  # fmt: skip
