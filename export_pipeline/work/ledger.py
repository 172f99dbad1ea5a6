"""What decided each stage when it ended, on disk: ``stages.json`` in the work folder."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export_pipeline.base.console import duration
from export_pipeline.base.files import write_text
from export_pipeline.recipe import Recipe
from export_pipeline.work import HASHED, STAGES, Decides
from export_pipeline.work.defaults import with_defaults

if TYPE_CHECKING:
    from export_pipeline.tasks import Task

FILE = "stages.json"


@dataclass(frozen=True)
class Ledger:
    """The ledger of the work folder *folder*, held against what decides the stages ``now`` that *recipe* is built."""

    folder: Path
    recipe: Recipe
    now: Mapping[str, Decides]

    def read(self) -> dict[str, Decides]:
        """What decided each stage that has ended; nothing where no whole ledger lies.

        A key of the recipe that there was not yet stood at its default.
        """
        return {stage: with_defaults(old, self.now[stage], self.recipe) for stage, old in self._written().items()}

    def begin(self, stage: str) -> None:
        """Note that *stage* is at work: what it and the stages after it have made may change from here on."""
        found = self.read()
        if found.get(stage) != self.now[stage]:
            self._write({name: found[name] for name in STAGES[: STAGES.index(stage)] if name in found})

    def end(self, stage: str) -> None:
        """Note what decided *stage*, which has ended."""
        found = self._written()
        if found.get(stage) != self.now[stage]:
            self._write({**found, stage: self.now[stage]})

    def _written(self) -> dict[str, Decides]:
        try:
            found = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {stage: found[stage] for stage in STAGES if isinstance(found.get(stage), dict)}

    def _write(self, found: dict[str, Decides]) -> None:
        write_text(self.folder / FILE, json.dumps(found, indent=1, sort_keys=True) + "\n")


@contextlib.contextmanager
def noted(work: Path, task: Task, stage: str, say: Callable[[str], None]) -> Iterator[None]:
    """Note in the ledger of *work* what decides *stage* of the build of *task*, once the block has ended well.

    How long it took is told to *say*.
    """
    from export_pipeline.work.decides import decides

    ledger = Ledger(work, task.recipe, decides(task))
    began = time.monotonic()
    ledger.begin(stage)
    yield
    ledger.end(stage)
    say(f"{stage}: took {duration(time.monotonic() - began)}")


def changes(old: Decides, new: Decides) -> list[str]:
    """What differs, in words."""
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [
        f"{key} has changed" if key.startswith(HASHED) else f"{key} was {_shown(old, key)} and is {_shown(new, key)}"
        for key in keys
    ]


def _shown(found: Decides, key: str) -> str:
    return json.dumps(found[key]) if found.get(key) is not None else "not set"
