"""The noun that the verify stage passes on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from export_pipeline.records.metric import Measured
from export_pipeline.records.stress import StressResult

Status = Literal["passed", "failed", "skipped"]
FLOAT, BASELINE = "float_", "baseline_"  # before a metric's name: of the float network, and of no network at all


class ParityResult(Measured):
    """One exported file against the float Keras network on the same samples.

    ``psnr`` is the worst sample's and ``psnr_mean`` the mean, in dB, at most 200 (equal outputs). The peak is 255 for
    pictures; for other outputs the range of their port, or of the float network's values where that is not known.
    ``max_abs`` is the largest difference of one value, in the units of the output; ``ssim`` the mean over the pictures;
    ``relative_error`` the mean over the other outputs of ``||file - float||_F / ||float||_F``.

    The metrics of the task are further keys: ``style_distance`` is the mean over the file's outputs,
    ``float_style_distance`` that of the float network's, ``baseline_style_distance`` that of what can be had without
    a network.

    ``None`` is a number that was not measured or was not finite, and ``reason`` says why. ``status`` is that of all
    checks of the row; ``quality`` says whether the metrics were measured.
    """

    target: str
    file: str
    images: int = Field(description="samples that were run")
    psnr: float | None = None
    psnr_mean: float | None = None
    max_abs: float | None = None
    ssim: float | None = None
    relative_error: float | None = None
    min_psnr: float
    tolerance_reason: str = ""
    status: Status
    reason: str = ""
    quality: Literal["measured", "skipped"]
    quality_reason: str = ""
    stress: StressResult | None = Field(None, description="with half-precision sums; none where there are none")

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        of_status, of_quality = ("status", self.status, self.reason), ("quality", self.quality, self.quality_reason)
        for what, said, reason in (of_status, of_quality):
            if said == "skipped" and not reason.strip():
                raise ValueError(f"{what} is 'skipped' and its reason is missing; say why")
        return self

    def float_metric(self, name: str) -> float | None:
        """A metric of the float network's outputs."""
        return self.metric(f"{FLOAT}{name}")

    def baseline_metric(self, name: str) -> float | None:
        """The same of what can be had without a network."""
        return self.metric(f"{BASELINE}{name}")
