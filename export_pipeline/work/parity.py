"""The parity rows of a build, each kept while neither its file nor what that is compared with has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from export_pipeline.base.files import write_text
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.tasks import Task
from export_pipeline.work.decides import decides

FILE = "verify.json"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    made_from: str
    row: ParityResult


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[_Row, ...] = ()


@dataclass(frozen=True)
class KeptParity:
    """The rows of files against *model* on the samples of *task*, each kept as soon as it is measured."""

    work: Path
    task: Task
    model: Any

    def read(self, model: ExportedModel) -> ParityResult | None:
        """The row of *model* as it was measured, if all that decides it is as it was.

        What failed or was skipped, such as for want of weights, is looked at again.
        """
        key = self._key(model)
        # A flexible file has a row for each size.
        rows = (kept.row for kept in _read(self.work).rows if kept.made_from == key and _stands(kept.row))
        return next((row for row in rows if row.target == model.target), None)

    def write(self, model: ExportedModel, row: ParityResult) -> None:
        """Keep the *row* of *model* in place of an earlier one of its target."""
        others = [kept for kept in _read(self.work).rows if kept.row.target != row.target]
        kept = _Kept(rows=(*others, _Row(made_from=self._key(model), row=row)))
        write_text(self.work / FILE, kept.model_dump_json(indent=1) + "\n")

    def _key(self, model: ExportedModel) -> str:
        return hashlib.sha256(json.dumps([self._decides, model.sha256], sort_keys=True).encode()).hexdigest()

    @cached_property
    def _decides(self) -> list[Any]:
        """What decides the rows of all files alike."""
        found, digest = decides(self.task), hashlib.sha256()
        for array in self.model.get_weights():
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return [found["train"], found["verify"], digest.hexdigest()]


def measured(work: Path) -> bool:
    """Whether rows are kept in *work* and all that there is of them was measured and has passed."""
    rows = _read(work).rows
    return bool(rows) and all(_stands(kept.row) for kept in rows)


def _stands(row: ParityResult) -> bool:
    return row.quality == "measured" and row.status == "passed"


def _read(work: Path) -> _Kept:
    try:
        return _Kept.model_validate_json((work / FILE).read_bytes())
    except (OSError, ValidationError):
        return _Kept()
