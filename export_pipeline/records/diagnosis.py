"""What a file says of how it will fare on an accelerator, read from the file without running it."""

from __future__ import annotations

from pydantic import Field

from export_pipeline.records.contents import Noun


class Refusal(Noun):
    """Operations of one type that an accelerator does not take, all for one reason."""

    operation: str
    count: int
    reason: str


class Diagnosis(Noun):
    """What keeps a file, or parts of it, off an accelerator or out of range there, and whether it is what it is called.

    A sum is a mean, a pool, a norm or any other operation that adds up over positions; it counts where it may be added
    up in half precision.
    """

    accelerator: str = Field("", description="which, such as GPU delegate; empty where nothing is known of any")
    operations: int | None = Field(None, description="of the file, where they can be told apart by place")
    refused: tuple[Refusal, ...] = Field((), description="operations that it does not take")
    parts: int | None = Field(None, description="estimate of the stretches of operations that it runs")
    delegated: int | None = Field(None, description="operations of the largest of those; by default it runs no other")
    float_share: float = Field(description="of the bytes of weights: how much is stored as floats, 0..1")
    longest_sum: int | None = Field(None, description="most values that one sum in half precision adds up")
    sums: str = Field("", description="the operations that add up so many")
    notes: tuple[str, ...] = Field((), description="what else is to be known of it")
    failures: tuple[str, ...] = Field((), description="in what the file is not what its name says")
