"""``[export]`` of a recipe: the files to make."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, field_validator

from export_pipeline.errors import near
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.recipe.table import Table
from export_pipeline.targets import TARGETS, Need, Target

# Which keys of a recipe make a network one that a target needs.
NEEDS: dict[Need, str] = {"clusters": "compress.bits, plan or weight_bytes", "prunes": "compress.schedule"}

# Its values are checked by the tables, in our own words; this tells editors of them.
TargetName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TARGETS)})]


def default_targets(compress: CompressTable) -> tuple[str, ...]:
    """What a recipe makes that names no targets: what fits every network, and what carries its tables and zeros."""
    return tuple(name for name, target in TARGETS.items() if target.default and not unmet(target, compress))


def unmet(target: Target, compress: CompressTable) -> tuple[Need, ...]:
    """What *target* needs of a network and *compress* does not do to it."""
    done = {"clusters": compress.clusters, "prunes": compress.prunes}
    return tuple(need for need in target.needs if not done[need])


DEFAULT_TARGETS = default_targets(CompressTable())


class ExportTable(Table):
    """``[export]``: the files to make, and the image size that they take."""

    height: int = Field(
        256, ge=16, le=4096, description="height of the images, pixels", json_schema_extra={"multipleOf": 4}
    )
    width: int = Field(
        256, ge=16, le=4096, description="width of the images, pixels", json_schema_extra={"multipleOf": 4}
    )
    # TOML has lists only.
    targets: tuple[TargetName, ...] = Field(
        DEFAULT_TARGETS,
        strict=False,
        description="files to make; when left out, also sparse and palettized ones of a pruned and a clustered network",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )
    calibration_images: int = Field(
        16, ge=1, le=1000, description="number of training samples that int8 ranges are calibrated on"
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
