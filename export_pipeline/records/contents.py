"""What lies in a model file, as its format's reader tells it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Noun(BaseModel):
    """Frozen, with a JSON round trip; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Weight(Noun):
    """One stored tensor, as read back from the file."""

    name: str
    shape: tuple[int, ...]
    stored: str = Field(description="type in the file, such as float16, int8 or lut-8bit")
    bits: int = Field(description="bits of one value in the file")
    parameters: int
    nonzero_share: float = Field(description="of the values that the file computes with, 0..1")
    convolution: bool = Field(description="whether it is a convolution's kernel")


class LayerWork(Noun):
    """What one layer of the float network computes."""

    name: str
    kind: str = Field(description="side of the kernel and what it is, such as '3x3 depthwise' or '1x1 pointwise'")
    multiply_accumulates: int = Field(description="of one run")


class Contents(Noun):
    """What a model file holds and does.

    ``parameters`` counts the values of all weight tensors in the file. Converters fold and repeat some, so
    that it may differ from the Keras network's count. Scalars are no parameters.
    """

    parameters: int
    nonzero_share: float | None = Field(description="of all convolution kernels together; None without any")
    multiply_accumulates: int | None = Field(description="of one run; None when the image size is open")
    operations: dict[str, int] = Field(description="how many, by type, in the format's own words")
    precisions: dict[str, int] = Field(description="how many operations, by the type of their first output")
    weights: tuple[Weight, ...]
    work: tuple[LayerWork, ...] = Field(
        (), description="multiply-accumulates by layer, of a Keras network whose image size is known; else none"
    )
