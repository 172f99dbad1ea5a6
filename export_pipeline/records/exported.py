"""The noun that the export stage passes on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from typing_extensions import Self

from export_pipeline.records.signature import Signature
from export_pipeline.targets import at_size, is_target, target_of


class ExportedModel(BaseModel):
    """One exported file, and what it was made from.

    ``signature`` is the file's own. ``file`` is its name inside the folder it lies in; ``sha256`` has one entry for a
    single file, and one for each file of an ``.mlpackage``, by path relative to the folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    file: str
    signature: Signature
    sha256: dict[str, str]
    checkpoint_sha256: str
    notes: tuple[str, ...] = ()

    @property
    def further(self) -> tuple[str, ...]:
        """The sizes after the first that the file takes, as they stand in names of targets; none of most files."""
        return tuple(f"{height}x{width}" for height, width in self.signature.sizes[1:])

    def at(self, size: str) -> Self:
        """The file as it is looked at for *size*, which its target names then; without one, as it is."""
        return self.model_copy(update={"target": at_size(self.target, size)})

    @model_validator(mode="before")
    @classmethod
    def _of_its_target(cls, data: Any) -> Any:
        return with_types(data)


def with_types(data: Any) -> Any:
    """*data* of a record with a ``target`` and a ``signature``, for its validator before its own.

    In older records no signature has a type, and all say ``{"height", "width", ..}``; an array gets its target's type.
    """
    target = data.get("target") if isinstance(data, dict) else None
    if not isinstance(target, str) or not is_target(target) or "signature" not in data:
        return data
    interface = target_of(target).interface
    return data if interface == "image" else {**data, "signature": as_arrays(data["signature"], interface)}


def as_arrays(signature: Any, dtype: str) -> Any:
    """The short form of a *signature* with a type and a layout, where it has none; anything else as it is."""
    if not isinstance(signature, dict) or "height" not in signature or "dtype" in signature:
        return signature
    return {**signature, "dtype": dtype, "layout": "NHWC"}
