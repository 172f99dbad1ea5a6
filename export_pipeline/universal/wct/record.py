"""What decoders are trained by, and what came out: the record that lies beside their file as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Phase(_Record):
    """A part of the training of one decoder, with crops of one size."""

    steps: int = Field(ge=1)
    crop: int = Field(ge=16, description="side of the square crops, pixels")
    batch_size: int = Field(ge=1)


# Small crops first, large ones last. The distilled network tells too little at relu5_1 for more steps to be of use.
PLAN: dict[str, tuple[Phase, ...]] = {
    "relu1_1": (Phase(steps=2000, crop=128, batch_size=4), Phase(steps=300, crop=256, batch_size=2)),
    "relu2_1": (Phase(steps=2500, crop=128, batch_size=4), Phase(steps=400, crop=256, batch_size=2)),
    "relu3_1": (Phase(steps=3000, crop=128, batch_size=4), Phase(steps=500, crop=256, batch_size=2)),
    "relu4_1": (Phase(steps=4000, crop=128, batch_size=4), Phase(steps=800, crop=256, batch_size=2)),
    "relu5_1": (Phase(steps=1500, crop=128, batch_size=4), Phase(steps=300, crop=256, batch_size=2)),
}


class Training(_Record):
    """All that decides what the decoders become, but the photographs and the encoder themselves."""

    encoder: str = "distilled"
    encoder_sha256: str
    photographs: int
    photographs_sha256: str = Field(description="of their names")
    seed: int = 0
    learning_rate: float = Field(2e-3, gt=0, description="peak of a cosine that falls to 0 over the steps of a tap")
    feature_weight: float = Field(1.0, ge=0, description="of the errors of features, relative to that of pixels")
    start_sha256: str | None = Field(None, description="of the decoders of another encoder that these began as")
    checkpoint_every: int = Field(100, ge=1, description="steps from one state and row of the log to the next")
    phases: dict[str, tuple[Phase, ...]] = PLAN


class Decoders(_Record):
    """Decoders as they lie in their file."""

    training: Training
    file: str
    sha256: str
    bytes: int
    bits: int = Field(description="of a clustered weight")
    bits_of: dict[str, int] = Field({}, description="the same of the decoder of one tap, where it has others")
    parameters: dict[str, int] = Field(description="of the decoder of each tap")
    held_photographs: int
    float_psnr: dict[str, float] = Field(description="dB of held-out photographs rebuilt at 256x256, before clustering")
    psnr: dict[str, float] = Field(description="the same, of the file")
    log: tuple[dict[str, Any], ...] = Field(description="losses by step, mean since the row before")
