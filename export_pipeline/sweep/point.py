"""One point of a sweep: a recipe in, its files and a result out. It knows nothing of the grid or of other points."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.files import write_text, written_aside
from export_pipeline.base.images import save_image
from export_pipeline.errors import CheckFailed, EmulatorError, ModelError, OutputError
from export_pipeline.pipeline import FLOAT_MODEL, Pipeline, opened
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.report.verdict import failures
from export_pipeline.sweep.model import FileResult, FloatNetwork, PointResult, Status
from export_pipeline.sweep.stages import begin_with

if TYPE_CHECKING:
    from export_pipeline.report import FileRecord, Record

RESULT = "result.json"
FILES = "export"
PHOTO, FLOAT_PICTURE, PICTURE = "photo.png", "float.png", "picture.png"
BUILD = "build"  # of which only the work folder is ever there
Listeners = dict[str, Any]  # ``say`` and ``on_step`` of a Pipeline


def run_point(
    recipe_json: str,
    folder: Path,
    *,
    relative_to: Path = Path(),
    shared: Path | None = None,
    listeners: Listeners | None = None,
) -> PointResult:
    """Train, compress, export and judge one recipe: a pure function of it. Nothing here depends on a clock.

    Args:
        recipe_json: the recipe as nested tables, as JSON.
        folder: gets the files, ``float.keras``, three pictures and, last, ``result.json``. A result that lies there
            is given back; an interrupted point goes on where it was.
        relative_to: where relative paths in the recipe start.
        shared: work folder of a build that has finished stages of this recipe; they are not run again.
        listeners: called with a line at each stage, and with each step of a training.

    Returns:
        The result; a failed check is one, too.

    Raises:
        PipelineError: anything but a failed check went wrong.
    """
    if found := read_result(folder):
        return found
    recipe = Recipe.parse(json.loads(recipe_json), folder=relative_to)
    with opened(recipe, folder / BUILD, **(listeners or {})) as pipeline:
        if shared is not None:
            begin_with(pipeline.task, pipeline.work, shared)
        try:
            result = _measured(pipeline, folder)
        except CheckFailed as error:
            result = without_files(recipe, str(error), "failed")
        write_text(folder / RESULT, result.model_dump_json(indent=1) + "\n")
        shutil.rmtree(pipeline.work)
    return result


def read_result(folder: Path) -> PointResult | None:
    """The result that lies in *folder*, or ``None``.

    Raises:
        OutputError: it is damaged.
    """
    path = folder / RESULT
    try:
        return PointResult.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputError(f"{path} is damaged. Start over with --fresh.") from error


def without_files(recipe: Recipe, reason: str, status: Status) -> PointResult:
    """The result of a point of which nothing was measured."""
    size = {"height": recipe.export.height, "width": recipe.export.width}
    return PointResult.model_validate({"status": status, "reason": " ".join(reason.split()), **size})


def _measured(pipeline: Pipeline, folder: Path) -> PointResult:
    trained = pipeline.train()
    network = pipeline.compress(trained)
    exported = pipeline.export(network)
    rows = pipeline.verify(network.compressed.model, exported)
    record = pipeline.record(network, exported, rows)
    against = {row.target: row for row in rows}
    if pipeline.recipe.compress != CompressTable():
        pipeline.say("compare: with the network as trained")
        against = {row.target: row for row in pipeline.verify(trained.model, exported)}
    hashes = {model.target: model.sha256 for model in exported}
    files = tuple(_file_result(row, record, against[row.target], hashes[row.target]) for row in record.files)
    with written_aside(folder / FLOAT_MODEL) as aside:
        trained.model.save(aside)
    _draw(pipeline, trained.model, exported[0], folder)
    shutil.rmtree(folder / FILES, ignore_errors=True)
    pipeline.files.rename(folder / FILES)
    first = next(iter(against.values()))
    failed = [f"{file.target} {reason}" for file in files for reason in file.reasons]
    return PointResult(
        status="failed" if failed else "passed",
        reason="; ".join(failed),
        height=record.recipe.export.height,
        width=record.recipe.export.width,
        float_network=FloatNetwork.model_validate(
            {
                "checkpoint_sha256": trained.checkpoint.sha256,
                "parameters": trained.model.count_params(),
                **{metric.name: first.float_metric(metric.name) for metric in record.recipe.metrics},
            }
        ),
        files=files,
    )


def _file_result(file: FileRecord, record: Record, against: ParityResult, sha256: dict[str, str]) -> FileResult:
    parity = next(row for row in record.parity if row.target == file.target)
    reasons = [f"parity: {parity.reason}"] if parity.status != "passed" else []
    if parity.stress is not None and parity.stress.status == "failed":
        reasons.append(f"stress: {parity.stress.reason}")
    reasons += [f"storage: {why}" for why in failures(file)]
    reasons += [
        f"{row.what}: {row.reason}" for row in record.budgets if row.target == file.target and row.status != "passed"
    ]
    about = {
        "target": file.target,
        "file": f"{FILES}/{file.file}",
        "sha256": sha256,
        "size": file.size,
        "nonzero_share": file.contents.nonzero_share,
        "psnr": against.psnr,
        "ssim": against.ssim,
        "export_psnr": parity.psnr,
        "status": "failed" if reasons else "passed",
        "reasons": tuple(reasons),
    }
    metrics = {metric.name: parity.metric(metric.name) for metric in record.recipe.metrics}
    return FileResult.model_validate({**about, **metrics})


def _draw(pipeline: Pipeline, trained: Any, first: ExportedModel, folder: Path) -> None:
    """One sample, what the network as trained gives for it, and what the first file does, if it runs."""
    from export_pipeline.formats import open_model

    task = pipeline.task
    sample = task.shown()[0]
    shown = {PHOTO: task.picture(sample.inputs), FLOAT_PICTURE: task.picture(task.infer(trained, sample.inputs))}
    try:
        outputs = open_model(pipeline.files / first.file).infer(sample.inputs)
        shown[PICTURE] = task.picture(outputs)
    except (ModelError, EmulatorError):
        (folder / PICTURE).unlink(missing_ok=True)
    for name, image in shown.items():
        if image is not None:
            save_image(folder / name, image)
