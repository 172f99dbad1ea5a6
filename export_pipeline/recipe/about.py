"""``[about]`` of a recipe: what the files and the model card say of the network beside what was measured."""

from __future__ import annotations

from pydantic import Field, field_validator

from export_pipeline.recipe.table import Table

# Core ML has a field of its own for each of these; the other formats have them as entries of these names.
KEYS = ("author", "license", "version", "description")


class AboutTable(Table):
    """``[about]``: who made the network, under which licence it may be used, and what it is."""

    author: str | None = Field(None, min_length=1, max_length=200, description="who made the network")
    license: str | None = Field(
        None, min_length=1, max_length=200, description="licence of the network, such as MIT or CC-BY-4.0 (SPDX)"
    )
    version: str | None = Field(
        None, min_length=1, max_length=64, description="version of the network; the checkpoint's hash when left out"
    )
    description: str | None = Field(None, min_length=1, max_length=1000, description="what the network is for")
    data: str | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="what it was trained on, and by which right, for the model card",
    )

    @field_validator("author", "license", "version", "description", "data")
    @classmethod
    def _is_a_line(cls, value: str | None) -> str | None:
        if value is not None and (not value.isprintable() or value != value.strip()):
            raise ValueError("it must be one line of printable characters without spaces around it")
        return value

    def metadata(self) -> dict[str, str]:
        """What goes into each file, by :data:`KEYS`; nothing of what is left out."""
        return {key: value for key in KEYS if (value := getattr(self, key)) is not None}
