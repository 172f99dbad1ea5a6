"""The noun of what becomes of a file on hardware that adds up in half precision."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class StressResult(BaseModel):
    """One exported file, run on a sample with half-precision accumulators.

    ``psnr`` is of the outputs against the float network's, in dB, where the file was run so as a whole; ``None`` where
    its operations were judged one by one, or gave no number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["passed", "failed", "skipped"]
    reason: str = ""
    operations: int = Field(0, description="in half precision, that were run")
    overflows: int = Field(0, description="of them, in which a sum or a result left half precision")
    largest: float | None = Field(None, description="largest absolute value of those, as float32 has it")
    psnr: float | None = None
