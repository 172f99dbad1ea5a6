"""Where the checkpoints of a run go that is not asked for any more, so that who turns back finds them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export_pipeline.errors import CheckpointError
from export_pipeline.train.checkpoint import (
    Checkpoint,
    CheckpointFolder,
    CheckpointInfo,
    differences_of_bits,
    differences_of_runs,
    run_key,
)


@dataclass(frozen=True)
class Shelf:
    """A folder with the folders of other runs, by what decides them. ``say`` is told why one is put there.

    Folders are only ever renamed: a process that is killed leaves each of them whole, in one place or the other.
    """

    folder: Path
    say: Callable[[str], None] = lambda line: None

    def latest(self, at: Path, wanted: CheckpointInfo, steps: int) -> Checkpoint | None:
        """The newest checkpoint of the run *wanted*, of *steps* steps, whose checkpoints go into the folder *at*.

        What lies there of another run is put on the shelf, and what the shelf has of this one goes back.

        Raises:
            CheckpointError: the newest checkpoint there is damaged.
        """
        found = CheckpointFolder(at).latest()
        if found is not None:
            reasons = _reasons(found, wanted, steps)
            if not reasons:
                return found
            self.say(f"{at.name}: anew, for {'; '.join(reasons)}")
            _move(at, self._place(at, found.info))
        if earlier := self._earlier(at, wanted):
            self.say(f"{at.name}: what was done for such a recipe before is taken up again")
            _move(earlier, at)
        return CheckpointFolder(at).latest()

    def _earlier(self, at: Path, wanted: CheckpointInfo) -> Path | None:
        """The folder of the run *wanted*, if the shelf has it."""
        place = self._place(at, wanted)
        if place.is_dir():
            return place
        # Put there by a version whose recipes had fewer keys, it goes by another hash.
        others = sorted(self.folder.glob(f"{at.name}-*")) if self.folder.is_dir() else []
        return next((other for other in others if _key(other) == run_key(wanted)), None)

    def _place(self, at: Path, info: CheckpointInfo) -> Path:
        return self.folder / f"{at.name}-{run_key(info)}"


def _key(folder: Path) -> str | None:
    """What tells the run of the newest checkpoint in *folder* from every other; none where it cannot be read."""
    try:
        found = CheckpointFolder(folder).latest()
    except CheckpointError:
        return None
    return None if found is None else run_key(found.info)


def _reasons(found: Checkpoint, wanted: CheckpointInfo, steps: int) -> list[str]:
    reasons = differences_of_runs(found, wanted)
    if not reasons and (bits := differences_of_bits(found, wanted)):
        reasons = [f"compress.plan was edited: bits of {bits}"]
    if not reasons and found.info.step > steps:
        reasons = [f"it has gone on for {found.info.step} steps, and {steps} are asked for"]
    return reasons


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)  # of the same run, and less of it: it was put aside before
    source.rename(target)
