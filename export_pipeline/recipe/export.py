"""``[export]`` of a recipe: the files to make."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, field_validator

from export_pipeline.errors import near
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.recipe.table import Table

# What fits every network.
DEFAULT_TARGETS = (
    "mlpackage-int8",
    "mlpackage-fp16",
    "mlmodel-int8",
    "tflite-fp16",
    "tflite-dynamic",
    "tflite-int8",
    "onnx-fp32",
)
# What holds the tables of a clustered network, and what the zeros of a pruned one.
CLUSTERED_TARGETS = ("mlpackage-palettized", "mlmodel-palettized", "mlpackage-joint")
PRUNED_TARGETS = ("mlpackage-sparse", "mlpackage-joint")
TARGETS = (*DEFAULT_TARGETS, "mlpackage-palettized", "mlmodel-palettized", "mlpackage-sparse", "mlpackage-joint")

# Its values are checked by the tables, in our own words; this tells editors of them.
Target = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TARGETS)})]


def default_targets(compress: CompressTable) -> tuple[str, ...]:
    """What a recipe makes that names no targets: what fits every network, and what carries its tables and zeros."""
    idle = {*(() if compress.clusters else CLUSTERED_TARGETS), *(() if compress.prunes else PRUNED_TARGETS)}
    return tuple(target for target in TARGETS if target not in idle)


class ExportTable(Table):
    """``[export]``: the files to make, and the image size that they take."""

    height: int = Field(
        256, ge=16, le=4096, description="height of the images, pixels", json_schema_extra={"multipleOf": 4}
    )
    width: int = Field(
        256, ge=16, le=4096, description="width of the images, pixels", json_schema_extra={"multipleOf": 4}
    )
    # TOML has lists only.
    targets: tuple[Target, ...] = Field(
        DEFAULT_TARGETS,
        strict=False,
        description="files to make; when left out, also sparse and palettized ones of a pruned and a clustered network",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )
    calibration_images: int = Field(
        16, ge=1, le=1000, description="number of training photographs that int8 ranges are calibrated on"
    )

    @field_validator("targets")
    @classmethod
    def _known(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if not targets or len(set(targets)) < len(targets):
            raise ValueError("name at least one target, each once")
        for target in targets:
            if target not in TARGETS:
                raise ValueError(f"unknown target {target!r}; {near(target, TARGETS)}")
        return targets

    @field_validator("height", "width")
    @classmethod
    def _multiple_of_four(cls, side: int) -> int:
        if side % 4:
            raise ValueError(f"{side} is not a multiple of 4, as two strides of 2 need; nearest: {round(side / 4) * 4}")
        return side


def by_target(value: dict[str, Any]) -> dict[str, Any]:
    """*value*, whose keys must be targets."""
    for target in value:
        if target not in TARGETS:
            raise ValueError(f"unknown target {target!r}; {near(target, TARGETS)}")
    return value
