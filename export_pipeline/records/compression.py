"""What the compress stage did, layer by layer: the noun that it passes on to the report."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from export_pipeline.records.rounds import Round


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CompressedLayer(_Noun):
    """One convolution's kernel."""

    name: str
    shape: tuple[int, ...] = Field(description="height, width, input channels, filters")
    sparsity: float = Field(description="share of zeros, 0..1")
    bits: int | None = Field(description="of the table that it was clustered to; None when it was not")
    values: int = Field(description="how many different values it has")
    relative_error: float | None = Field(
        description="||clustered - before||_F / ||before||_F, with what trained quantization moved; None as above"
    )


class Compression(_Noun):
    """All convolutions of the compressed network, in its order, and the rounds that narrowed it, if any."""

    layers: tuple[CompressedLayer, ...]
    rounds: tuple[Round, ...] = ()
