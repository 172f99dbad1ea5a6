"""What the compress stage did, layer by layer and round by round: what it passes on to the report."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from export_pipeline.records.metric import Measured


class CompressedLayer(BaseModel):
    """One convolution's kernel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    shape: tuple[int, ...] = Field(description="height, width, input channels, filters")
    sparsity: float = Field(description="share of zeros, 0..1")
    bits: int | None = Field(description="of the table that it was clustered to; None when it was not")
    values: int = Field(description="how many different values it has")
    relative_error: float | None = Field(
        description="||clustered - before||_F / ||before||_F, with what trained quantization moved; None as above"
    )


class Round(Measured):
    """One round of structured pruning: what it took out, and how good the network was after its fine-tuning.

    The first of a network is its ``start``, which takes nothing out. A round that is ``undone`` ended beyond a limit
    of the recipe and is the last; the network is that of the round before. The task's metrics, measured on the
    validation samples, are further keys, such as ``style_distance``.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    part: str = Field(description="names the round and the folder of its fine-tuning")
    block: int | None = Field(None, description="residual block taken out, by its number before the round")
    taken: dict[str, int] = Field(default_factory=dict, description="filters taken out, by convolution")
    filters: int = Field(description="left in all convolutions")
    parameters: int = Field(description="left in the network")
    steps: int = Field(description="optimizer steps of fine-tuning")
    status: Literal["start", "kept", "undone"]
    reason: str = Field("", description="why it was undone, or why none follows")


class Compression(BaseModel):
    """All convolutions of the compressed network, in its order, and the rounds that narrowed it, if any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: tuple[CompressedLayer, ...]
    rounds: tuple[Round, ...] = ()
    ranges: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="of what each layer gives, as quantization-aware training left it"
    )
