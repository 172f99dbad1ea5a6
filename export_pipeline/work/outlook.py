"""What a build would do and why, found out without doing any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from export_pipeline.bundle import CHECKPOINT, Bundle
from export_pipeline.errors import BundleError, CheckFailed
from export_pipeline.tasks import Task
from export_pipeline.train.checkpoint import CheckpointFolder, decided_by
from export_pipeline.work import STAGES, Decides
from export_pipeline.work.decides import decides, made_from
from export_pipeline.work.folder import work_folder
from export_pipeline.work.ledger import Ledger, changes
from export_pipeline.work.parity import measured
from export_pipeline.work.taken import STAGES as TAKEN
from export_pipeline.work.taken import Taken, in_bundle

What = Literal["keep", "go on", "do", "redo"]
STEPS = "train.steps"
# What each stage leaves in the work folder; without it, it is not done.
LEAVES = {"compress": CHECKPOINT, "export": "export/.state", "verify": "verify.json", "report": "export/report.json"}


@dataclass(frozen=True)
class StageOutlook:
    """What would be done of one stage, and why."""

    stage: str
    what: What
    why: str


@dataclass(frozen=True)
class Outlook:
    """What would be done of a build; of one that is up to date, nothing."""

    up_to_date: bool
    stages: tuple[StageOutlook, ...]

    @property
    def text(self) -> str:
        """In words, a line a stage."""
        lines = [f"{row.stage:<9}{row.what:<7}{row.why}".rstrip() for row in self.stages]
        return "\n".join(["up to date: nothing would be done"] if self.up_to_date else lines)

    def as_json(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return asdict(self)


def finished(out: Path, made_from: str) -> Bundle | None:
    """The bundle at *out*, if it was made from what :func:`made_from` is a hash of, and is whole."""
    try:
        found = Bundle.open(out)
    except (BundleError, CheckFailed):
        return None
    return found if found.is_whole(made_from) else None


def outlook(task: Task, out: Path) -> Outlook:
    """What the build of *task* at *out* would do. Nothing is written.

    *task* must be opened by ``opened_task``, so that its network is known.
    """
    if finished(out, made_from(task)) is not None:
        return Outlook(True, tuple(StageOutlook(stage, "keep", "") for stage in STAGES))
    work, now = work_folder(out), decides(task)
    before, rows = Ledger(work, task.recipe, now).read(), list[StageOutlook]()
    redone, taken = "", network_of_bundle(task, out)
    if isinstance(taken, Taken) and not taken.lies_in(work):
        before = {}  # what else lies there was made of another network
    for stage in STAGES:
        row = _stage(task, work, stage, before.get(stage), now[stage])
        if isinstance(taken, Taken) and stage in TAKEN:
            row = StageOutlook(stage, "keep", taken.why)
        elif taken and stage == "train":
            row = StageOutlook(stage, row.what, f"{row.why}; {taken}")
        if redone and row.what == "keep":
            row = StageOutlook(stage, "redo", f"after {redone}, whose result it takes{_but(stage)}")
        if not redone and row.what != "keep":
            redone = stage
        rows.append(row)
    return Outlook(False, tuple(rows))


def network_of_bundle(task: Task, out: Path) -> Taken | str:
    """The bundle at *out*, if its network is to be taken instead of trained anew, or why it cannot be.

    Nothing where the training in the work folder is kept or gone on with.
    """
    work, now = work_folder(out), decides(task)
    found = _stage(task, work, "train", Ledger(work, task.recipe, now).read().get("train"), now["train"])
    return in_bundle(task, out) if found.what in ("do", "redo") else ""


def _but(stage: str) -> str:
    return "; files whose network stays the same are kept" if stage == "export" else ""


def _stage(task: Task, work: Path, stage: str, before: Decides | None, now: Decides) -> StageOutlook:
    there = _is_there(task, work, stage)
    if before is None or not there:
        if stage == "train" and (step := _step(task, work)):
            return StageOutlook(stage, "go on", f"after step {step}, where it was interrupted")
        return StageOutlook(stage, "do", "it has not been done yet")
    differing = changes(before, now)
    if not differing and stage == "report":
        return StageOutlook(stage, "redo", "the bundle is not there, or not as it was built")
    if not differing and stage == "verify" and not measured(work):
        return StageOutlook(stage, "redo", "what was skipped or failed is looked at again")
    if not differing:
        return StageOutlook(stage, "keep", "")
    if stage == "train" and _is_longer(before, now):
        return StageOutlook(stage, "go on", f"{differing[0]}: from the last checkpoint")
    kept = _kept_parts(work, before, now) if stage == "compress" else ""
    return StageOutlook(stage, "redo", "; ".join(differing) + kept)


def _is_there(task: Task, work: Path, stage: str) -> bool:
    if stage in LEAVES:
        return (work / LEAVES[stage]).exists()
    takes_over = task.recipe.train.warm_start is not None and not task.recipe.train.trains
    return takes_over or task.given() is not None or _step(task, work) > 0


def _step(task: Task, work: Path) -> int:
    """The last step of the newest checkpoint of the training, over all phases; 0 where there is none."""
    found = (CheckpointFolder(work / phase.part).latest() for phase in task.phases())
    return sum(checkpoint.info.step for checkpoint in found if checkpoint is not None)


def _is_longer(before: Decides, now: Decides) -> bool:
    rest = {key for key in {**before, **now} if before.get(key) != now.get(key)}
    return rest == {STEPS} and now[STEPS] > before[STEPS]


def _kept_parts(work: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Which parts of the compression have checkpoints that no changed key decides, in words."""
    changed = {key.split(".")[1] for key in {**before, **now} if before.get(key) != now.get(key) and "." in key}
    folder = work / "compress"
    parts = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    kept = [part for part in parts if not decided_by(part, changed)]
    return f"; {', '.join(kept)} {'is' if len(kept) == 1 else 'are'} kept" if kept else ""
