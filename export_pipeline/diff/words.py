"""What has changed that is no number: how files are called, what they compute, their metadata, and what made them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from export_pipeline.diff.model import FileChange, Part, WordChange
from export_pipeline.errors import EmulatorError, ModelError
from export_pipeline.formats import interface_of
from export_pipeline.records.signature import METADATA_KEY
from export_pipeline.report import Release
from export_pipeline.report.regression import signature_changes


def file_changes(old: Release, new: Release) -> tuple[FileChange, ...]:
    """Every target of either build, those of the new one first."""
    rows = []
    for target in dict.fromkeys(row.target for side in (new, old) for row in side.record.files):
        before, after = old.file_of(target), new.file_of(target)
        status = "added" if before is None else "removed" if after is None else _bytes(old, new, target)
        rows.append(FileChange.model_validate({"target": target, "status": status}))
    return tuple(rows)


def _bytes(old: Release, new: Release, target: str) -> str:
    before, after = hashes_of(old, target), hashes_of(new, target)
    return "unknown" if before is None or after is None else "same" if before == after else "changed"


def hashes_of(side: Release, target: str) -> dict[str, str] | None:
    """SHA-256 of the parts of a file, without the name of the bundle."""
    models = side.bundle.manifest.models if side.bundle else ()
    for model in models:
        if model.target == target:
            return {name.removeprefix(model.file): digest for name, digest in model.sha256.items()}
    return None


def word_changes(old: Release, new: Release, files: tuple[FileChange, ...]) -> Iterator[WordChange]:
    """Everything that differs; nothing of a file whose bytes are the same."""
    for row in files:
        before, after = old.file_of(row.target), new.file_of(row.target)
        if before is None or after is None:
            continue
        for port in signature_changes(before.signature, after.signature):
            yield _word("signature", row.target, f"{port.port}: {port.what}", port.old, port.new)
        for part in ("operations", "precisions"):
            counts = (getattr(side.contents, part) for side in (before, after))
            yield from _differences(part, row.target, *(_texts(found) for found in counts))
        if row.status != "same":
            yield from _differences("metadata", row.target, _metadata(old, row.target), _metadata(new, row.target))
    recipes = (side.record.recipe.model_dump(mode="json") for side in (old, new))
    yield from _differences("recipe", "", *(dict(_flat(found)) for found in recipes))
    yield from _differences("provenance", "", old.record.provenance, new.record.provenance)
    yield from _differences("libraries", "", old.record.libraries, new.record.libraries)


def _word(part: Part, target: str, key: str, old: str | None, new: str | None) -> WordChange:
    return WordChange(part=part, target=target, key=key, old=old, new=new)


def _texts(found: Mapping[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in found.items()}


def _differences(part: Any, target: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[WordChange]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield _word(part, target, key, old.get(key), new.get(key))


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """The keys of a recipe with dots, and their values as JSON; a key without a value is none."""
    for name, value in table.items():
        whole = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            yield from _flat(value, whole)
        elif value is not None:
            yield whole, json.dumps(value, ensure_ascii=False)


def _metadata(side: Release, target: str) -> dict[str, str]:
    """What a file says of itself beside its signature; nothing where it is not at hand or cannot be read."""
    path = side.path_of(target)
    if path is None:
        return {}
    try:
        found = interface_of(path).metadata
    except (ModelError, EmulatorError) as error:
        return {"cannot be read": str(error)}
    return {key: value for key, value in found.items() if key != METADATA_KEY}
