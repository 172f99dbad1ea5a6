"""The nouns that structured pruning passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Quality:
    """How well a network does on the validation photographs; smaller is better for both."""

    style_distance: float
    content_distance: float


class Round(BaseModel):
    """One round of structured pruning: what it took out, and what was left after its fine-tuning.

    The first of a network is its ``start``, which takes nothing out. A round that is ``undone`` ended above a limit
    of the recipe and is the last; the network is that of the round before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    part: str = Field(description="names the round and the folder of its fine-tuning")
    block: int | None = Field(None, description="residual block taken out, by its number before the round")
    taken: dict[str, int] = Field(default_factory=dict, description="filters taken out, by convolution")
    filters: int = Field(description="left in all convolutions")
    parameters: int = Field(description="left in the network")
    steps: int = Field(description="optimizer steps of fine-tuning")
    style_distance: float
    content_distance: float
    status: Literal["start", "kept", "undone"]
    reason: str = Field("", description="why it was undone, or why none follows")
