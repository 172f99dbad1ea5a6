"""The parity rows of a build, kept while neither the files nor what they are compared with have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    made_from: str
    rows: tuple[ParityResult, ...]


@dataclass(frozen=True)
class KeptParity:
    """The rows of *exported*, whose hashes name the files, against *model* on the samples of *task*."""

    work: Path
    task: Task
    model: Any
    exported: Sequence[ExportedModel]

    def read(self) -> tuple[ParityResult, ...] | None:
        """The rows as they were measured, if all that decides them is as it was and all of it was measured.

        What was skipped, such as for want of weights, is looked at again.
        """
        kept = _read(self.work)
        return kept.rows if kept and measured(self.work) and kept.made_from == self._key else None

    def write(self, rows: tuple[ParityResult, ...]) -> tuple[ParityResult, ...]:
        """Keep *rows*, and give them back."""
        kept = _Kept(made_from=self._key, rows=rows)
        write_text(self.work / FILE, kept.model_dump_json(indent=1) + "\n")
        return rows

    @cached_property
    def _key(self) -> str:
        found = decides(self.task)
        about = [found["train"], found["verify"], [model.sha256 for model in self.exported]]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        for array in self.model.get_weights():
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def measured(work: Path) -> bool:
    """Whether rows are kept in *work* and all that there is of them was measured and has passed."""
    kept = _read(work)
    return kept is not None and all(row.quality == "measured" and row.status == "passed" for row in kept.rows)


def _read(work: Path) -> _Kept | None:
    try:
        return _Kept.model_validate_json((work / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
