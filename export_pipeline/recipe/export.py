"""``[export]`` of a recipe: the files to make."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)
from typing_extensions import Self

from export_pipeline.errors import near
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.recipe.table import Table
from export_pipeline.targets import SIZE, TARGETS, Need, Target, at_size, is_target

# Which keys of a recipe make a network one that a target needs.
NEEDS: dict[Need, str] = {"clusters": "compress.bits, plan or weight_bytes", "prunes": "compress.schedule"}

# Its values are checked by the tables, in our own words; this tells editors of them.
TargetName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TARGETS)})]
_SIZED = f"^({'|'.join(TARGETS)})@{SIZE}$"
# Editors offer the names of the first size, and take the others.
_NAMES = [{"enum": list(TARGETS)}, {"pattern": _SIZED}]
SizedTargetName = Annotated[str, WithJsonSchema({"type": "string", "anyOf": _NAMES})]
Size = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{SIZE}$"})]


def default_targets(compress: CompressTable) -> tuple[str, ...]:
    """What a recipe makes that names no targets: what fits every network, and what carries its tables and zeros."""
    return tuple(name for name, target in TARGETS.items() if target.default and not unmet(target, compress))


def unmet(target: Target, compress: CompressTable) -> tuple[Need, ...]:
    """What *target* needs of a network and *compress* does not do to it."""
    done = {"clusters": compress.clusters, "prunes": compress.prunes}
    return tuple(need for need in target.needs if not done[need])


DEFAULT_TARGETS = default_targets(CompressTable())


LEAST_SIDE, MOST_SIDE = 16, 4096


def sides_of(size: Any) -> tuple[int, int]:
    """Height and width, pixels, of a size such as ``640x480``."""
    if not isinstance(size, str) or re.fullmatch(SIZE, size) is None:
        raise ValueError(f"sizes: {size!r} is no size; give height x width in pixels, such as '640x480'")
    height, width = size.split("x")
    return int(height), int(width)


class ExportTable(Table):
    """``[export]``: the files to make, and the image size that they take."""

    height: int = Field(
        256,
        ge=LEAST_SIDE,
        le=MOST_SIDE,
        description="height of the images, pixels",
        json_schema_extra={"multipleOf": 4},
    )
    width: int = Field(
        256, ge=LEAST_SIDE, le=MOST_SIDE, description="width of the images, pixels", json_schema_extra={"multipleOf": 4}
    )
    sizes: tuple[Size, ...] = Field(
        (),
        strict=False,
        description="several sizes, height x width, such as ['256x256', '640x480'], instead of height and width; the "
        "first is that of the targets, and files of each further one are targets like mlpackage-int8@640x480",
        json_schema_extra={"uniqueItems": True},
    )
    flexible: bool = Field(
        False,
        description="whether targets get one file that takes every one of sizes, instead of a file for each: all but "
        "those of Core AI; of style transfer with model.rho = 1",
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

    @model_validator(mode="before")
    @classmethod
    def _first_of_the_sizes(cls, data: Any) -> Any:
        sizes = data.get("sizes") if isinstance(data, dict) else None
        if not isinstance(sizes, (list, tuple)) or not sizes:
            return data
        sides = [sides_of(size) for size in sizes]
        if len(set(sides)) < len(sides):
            raise ValueError("sizes: name each once")
        first = dict(zip(("height", "width"), sides[0], strict=True))
        for key, side in first.items():
            if data.get(key, side) != side:
                raise ValueError(f"{key} is {data[key]}, and the first of sizes {sizes[0]}; leave {key} out")
        for height, width in sides[1:]:  # the first is looked at as height and width
            for side in (cls._multiple_of_four(height), cls._multiple_of_four(width)):
                if not LEAST_SIDE <= side <= MOST_SIDE:
                    raise ValueError(f"sizes: {height}x{width} has a side beyond {LEAST_SIDE} to {MOST_SIDE} pixels")
        return {**data, **first}

    @model_serializer(mode="wrap")
    def _without_no_sizes(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A recipe of one size is recorded as it was before there could be several: its bundle stays the same."""
        found: dict[str, Any] = write(self)
        left_out = {key for key in ("sizes", "flexible") if not found.get(key)}
        return {key: value for key, value in found.items() if key not in left_out}

    @property
    def further(self) -> tuple[str, ...]:
        """The sizes after the first."""
        return self.sizes[1:]

    @property
    def all_sides(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each size, the first of them first."""
        return ((self.height, self.width), *map(sides_of, self.further))

    @property
    def all_targets(self) -> tuple[str, ...]:
        """The targets, and those of the further sizes: what is verified."""
        return tuple(at_size(name, size) for size in ("", *self.further) for name in self.targets)

    @property
    def all_files(self) -> tuple[str, ...]:
        """Those of them that have a file of their own."""
        return tuple(name for size in ("", *self.further) for name in self.files_at(size))

    def files_at(self, size: str) -> tuple[str, ...]:
        """The targets of *size* that have a file of their own: at a further size, those that are not flexible."""
        own = (name for name in self.targets if not (size and self.flexible and TARGETS[name].flexible))
        return tuple(at_size(name, size) for name in own)

    @field_validator("targets")
    @classmethod
    def _known(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if not targets or len(set(targets)) < len(targets):
            raise ValueError("name at least one target, each once")
        for target in targets:
            if target not in TARGETS:
                raise ValueError(f"unknown target {target!r}; {near(target, TARGETS)}")
        return targets

    @model_validator(mode="after")
    def _flexible_files_have_several_sizes(self) -> Self:
        if not self.flexible:
            return self
        if not self.further:
            raise ValueError("flexible is of files of several sizes; name them in sizes = ['640x480', '256x256']")
        if not any(TARGETS[name].flexible for name in self.targets):
            able = ", ".join(name for name, target in TARGETS.items() if target.flexible)
            raise ValueError(f"flexible: no target has flexible files; leave it out, or add one of {able}")
        return self

    @field_validator("height", "width")
    @classmethod
    def _multiple_of_four(cls, side: int) -> int:
        if side % 4:
            raise ValueError(f"{side} is not a multiple of 4, as two strides of 2 need; nearest: {round(side / 4) * 4}")
        return side


def by_target(value: dict[str, Any]) -> dict[str, Any]:
    """*value*, whose keys must be targets."""
    for target in value:
        if not is_target(target):
            raise ValueError(f"unknown target {target!r}; {near(target, TARGETS)}")
    return value
