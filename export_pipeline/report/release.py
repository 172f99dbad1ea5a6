"""What an earlier build left: a bundle, or a report of it. ``diff`` and the limits against the last release read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export_pipeline.base.documents import parsed
from export_pipeline.base.faults import faults
from export_pipeline.bundle import MANIFEST, Bundle
from export_pipeline.errors import BundleError
from export_pipeline.report.model import Benchmark, FileRecord, Record

RECORD, BENCHMARK = "report.json", "benchmark.json"
_ALLOWED = "Give a bundle, a folder with report.json, such a file, or what 'report --json' or 'build --json' prints."


@dataclass(frozen=True)
class Release:
    """One build.

    Attributes:
        path: what was named.
        record: sizes, contents, parity and quality.
        benchmark: speed and memory, where they are at hand.
        bundle: its manifest; ``None`` of a report alone.
    """

    path: Path
    record: Record
    benchmark: Benchmark | None = None
    bundle: Bundle | None = None

    def file_of(self, target: str) -> FileRecord | None:
        """The file of *target*."""
        return next((row for row in self.record.files if row.target == target), None)

    def path_of(self, target: str) -> Path | None:
        """Where the file of *target* lies; ``None`` where it does not lie here."""
        row = self.file_of(target)
        path = self.path / row.file if self.path.is_dir() and row else None
        return path if path and path.exists() else None


def read_release(path: Path | str) -> Release:
    """Read a bundle or a report.

    Args:
        path: a bundle, whole or without its largest files; a folder that holds ``report.json``; such a file; or a file
            with what ``report --json`` prints.

    Raises:
        BundleError: it is none of these, or no report of a version that is read.
        CheckFailed: a file of the bundle has changed.
    """
    path = Path(path)
    if not path.is_dir():
        return _of_file(path)
    if not (path / RECORD).is_file():
        raise BundleError(f"{path} has no {RECORD}: it is neither a bundle nor a report. {_ALLOWED}")
    found = _of_file(path / RECORD)
    if not (path / MANIFEST).is_file():
        return Release(path, found.record, found.benchmark)
    bundle = Bundle.open(path)
    bundle.check_files(partly=True)
    return Release(path, found.record, found.benchmark, bundle)


def _of_file(path: Path) -> Release:
    data = _json(path)
    if "record" in data:
        return Release(path, _noun(path, data["record"], Record), _noun(path, data.get("benchmark"), Benchmark))
    beside = path.with_name(BENCHMARK)
    benchmark = _noun(beside, _json(beside), Benchmark) if beside.is_file() and path.name == RECORD else None
    return Release(path, _noun(path, data, Record), benchmark)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = parsed(path.read_bytes())
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}. {_ALLOWED}") from error
    except ValueError as error:
        raise BundleError(f"{path} is no JSON: {str(error).splitlines()[0]}. {_ALLOWED}") from error
    if not isinstance(found, dict):
        raise BundleError(f"{path} is no report: it is a JSON {type(found).__name__}, not an object. {_ALLOWED}")
    return found


def _noun(path: Path, data: Any, kind: Any) -> Any:
    if data is None:
        return None
    try:
        # As JSON: that reads lists as tuples, as strict nouns want them.
        return kind.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise BundleError(f"{path} is no report of a version that is read: {faults(error)}. {_ALLOWED}") from error
