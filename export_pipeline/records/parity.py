"""The noun that the verify stage passes on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["passed", "failed", "skipped"]


class ParityResult(BaseModel):
    """One exported file against the float Keras network on the same photographs.

    ``psnr`` is the worst photograph's and ``psnr_mean`` the mean, in dB at peak 255, at most 200 (equal
    images); ``max_abs`` the largest difference of one value, 0..255; ``ssim`` the mean. The style and
    content distances are means over the file's outputs, beside those of the float network's outputs.

    ``None`` is a number that was not measured or was not finite, and ``reason`` says why. ``status`` is
    that of the PSNR's check; ``quality`` says whether the two distances were measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    file: str
    images: int
    psnr: float | None = None
    psnr_mean: float | None = None
    max_abs: float | None = None
    ssim: float | None = None
    content_distance: float | None = None
    style_distance: float | None = None
    float_content_distance: float | None = None
    float_style_distance: float | None = None
    min_psnr: float
    tolerance_reason: str = ""
    status: Status
    reason: str = ""
    quality: Literal["measured", "skipped"]
    quality_reason: str = ""
