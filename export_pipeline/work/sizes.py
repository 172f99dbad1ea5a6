"""A build at each of the sizes that its recipe exports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.bundle import write_golden
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.records.signature import Signature
from export_pipeline.targets import split_size

if TYPE_CHECKING:
    from export_pipeline.formats.format import Rounded
    from export_pipeline.tasks import Task
    from export_pipeline.verify import KeptRows


def sized_tasks(task: Task) -> dict[str, Task]:
    """*task* for each size that its recipe exports, by what stands in names of targets; of the first size nothing."""
    further = task.recipe.export.further
    return {"": task, **{size: task.with_recipe(task.recipe.at(size)) for size in further}}


def export_sizes(
    task: Task, model: Any, rounded: Rounded | None, folder: Path, checkpoint_sha256: str, say: Callable[[str], None]
) -> tuple[ExportedModel, ...]:
    """Every target at every size, the first size first; arguments and errors as of ``export.export``."""
    from export_pipeline.export import export

    about: dict[str, Any] = {"checkpoint_sha256": checkpoint_sha256, "title": task.title, "rounded": rounded}
    made: list[ExportedModel] = []
    tasks = sized_tasks(task)
    flexible = Signature.flexible([own.signature for own in tasks.values()]) if task.recipe.export.flexible else None
    for size, own in tasks.items():
        if not task.recipe.export.files_at(size):
            continue
        what = own.signature, folder, own.calibration()
        made += export(model, task.recipe, *what, **about, progress=say, resume=True, size=size, flexible=flexible)
    return tuple(made)


def verify_sizes(
    task: Task,
    model: Any,
    exported: Sequence[ExportedModel],
    folder: Path,
    say: Callable[[str], None],
    kept: KeptRows | None = None,
) -> tuple[ParityResult, ...]:
    """Every file against the float network *model* at its own size, a flexible one at each of its sizes.

    *kept* and errors are as of ``verify.verify``.
    """
    from export_pipeline.verify import verify

    evaluator, rows = task.evaluator(), list[ParityResult]()
    for size, own in sized_tasks(task).items():
        files = [one for one in exported if split_size(one.target)[1] == size]
        files += [one.at(size) for one in exported if size in one.further]
        rows += verify(folder, files, model, own, evaluator, say, size, kept)
    return tuple(rows)


def write_golden_sizes(task: Task, model: Any, folder: Path) -> None:
    """Write the golden sample of each size into *folder*, and what the float network *model* makes of it."""
    for size, own in sized_tasks(task).items():
        sample = own.shown()[0]
        write_golden(folder, own.signature, sample.inputs, own.infer(model, sample.inputs), size)
