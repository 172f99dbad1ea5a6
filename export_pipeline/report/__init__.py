"""Report: measure what was exported, hold it against the budgets, and write it down.

Beside the files: ``report.json`` (the record, the same for the same files), ``benchmark.json`` (what this
machine measured), ``report.md`` and ``report.html`` (drawn from both) and ``picture.jpg``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from export_pipeline.base.faults import faults
from export_pipeline.base.files import write_text
from export_pipeline.base.size import Size, size_of
from export_pipeline.errors import CheckFailed, ModelError, OutputError, Undecided
from export_pipeline.formats import contents_of, diagnosis_of, format_of
from export_pipeline.recipe import Recipe
from export_pipeline.records.compression import Compression
from export_pipeline.records.contents import Contents
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.report import render
from export_pipeline.report.budgets import file_budgets, machine_budgets, sparsity_kept
from export_pipeline.report.card import CARD_FILE, card
from export_pipeline.report.devices import read_devices
from export_pipeline.report.inspection import inspect
from export_pipeline.report.latency import benchmark
from export_pipeline.report.latency_of_sizes import measure_sizes
from export_pipeline.report.machine import libraries, machine
from export_pipeline.report.memory import peak_memory
from export_pipeline.report.model import (
    Benchmark,
    BudgetResult,
    ContainerInspection,
    FileRecord,
    Inspection,
    LatencyResult,
    Machine,
    MemoryResult,
    Record,
    Report,
)
from export_pipeline.report.picture import draw_picture
from export_pipeline.report.regression import file_regressions, machine_regressions
from export_pipeline.report.release import Release, read_release
from export_pipeline.report.render import benchmark_text, inspection_text, terminal
from export_pipeline.report.sbom import SBOM_FILE, sbom
from export_pipeline.report.verdict import Verdict, failures, verdict
from export_pipeline.targets import split_size
from export_pipeline.tasks import Task

RECORD_FILE = "report.json"
BENCHMARK_FILE = "benchmark.json"
PICTURE_FILE = "picture.jpg"
# What differs between two builds from one checkpoint, for it depends on the machine and the moment.
MEASURED_FILES = (BENCHMARK_FILE, "report.md", "report.html")
# All that a report with photographs consists of.
FILES = (RECORD_FILE, PICTURE_FILE, CARD_FILE, SBOM_FILE, *MEASURED_FILES)

__all__ = [
    "BENCHMARK_FILE",
    "FILES",
    "MEASURED_FILES",
    "PICTURE_FILE",
    "RECORD_FILE",
    "Benchmark",
    "BudgetResult",
    "ContainerInspection",
    "Contents",
    "FileRecord",
    "Inspection",
    "LatencyResult",
    "Machine",
    "MemoryResult",
    "Record",
    "Release",
    "Report",
    "Size",
    "Verdict",
    "benchmark",
    "benchmark_text",
    "check",
    "check_budgets",
    "contents_of",
    "draw_picture",
    "inspect",
    "inspection_text",
    "make_record",
    "make_report",
    "read_release",
    "read_report",
    "render_pages",
    "size_of",
    "terminal",
    "verdict",
]


def make_report(
    folder: Path | str,
    exported: Sequence[ExportedModel],
    parity: Sequence[ParityResult],
    float_model_path: Path | str,
    task: Task,
    provenance: dict[str, str] | None = None,
    compression: Compression | None = None,
    progress: Callable[[str], None] = lambda line: None,
    release: Release | None = None,
) -> Report:
    """Measure every file in *folder* and write the report beside them.

    Args:
        folder: where the exported files lie and the report goes.
        exported, parity: what the stages before gave.
        float_model_path: the float network as a ``.keras`` file, yardstick of speed and work.
        task: its samples are shown in the picture; its recipe has size, runs and budgets.
        provenance: where the files come from, in words.
        compression: what the compress stage did to each kernel, which is passed on.
        progress: called with a line of text before each step.
        release: the last one, which the recipe's limits against it are held to.

    A file that cannot be measured is a skipped row with its reason.

    Raises:
        ModelError: a file cannot be read.
        OutputError: the report cannot be written.
    """
    folder, yardstick, recipe = Path(folder), Path(float_model_path), task.recipe
    progress("contents and size")
    record = make_record(folder, exported, parity, yardstick, recipe, provenance or {}, compression, release)
    measured = _benchmark(folder, record, yardstick, recipe, progress)
    if release is not None:
        progress("speed and memory against the last release")
        files = {row.target: folder / row.file for row in record.files}
        size = (recipe.export.height, recipe.export.width)
        rows = machine_regressions(recipe, release, files, recipe.report.runs, size, progress)
        measured = measured.model_copy(update={"budgets": (*measured.budgets, *rows)})
    report = Report(record=record, benchmark=measured)
    _write(folder / RECORD_FILE, record)
    _write(folder / BENCHMARK_FILE, report.benchmark)
    (folder / PICTURE_FILE).unlink(missing_ok=True)
    progress("picture")
    pictured = [one for one in exported if not split_size(one.target)[1]]
    draw_picture(folder / PICTURE_FILE, folder, pictured, yardstick, task, progress)
    write_text(folder / CARD_FILE, card(record))
    write_text(folder / SBOM_FILE, sbom(record, exported))
    render_pages(folder, report)
    return report


def render_pages(folder: Path | str, report: Report) -> None:
    """Write ``report.md`` and ``report.html``, with the picture when it lies in *folder*."""
    folder = Path(folder)
    picture = folder / PICTURE_FILE
    there = picture.is_file()
    write_text(folder / "report.md", render.markdown(report, PICTURE_FILE if there else None))
    write_text(folder / "report.html", render.page(report, picture if there else None))


def read_report(folder: Path | str) -> Report:
    """The report that lies in *folder*.

    Raises:
        OutputError: there is none, or it is damaged.
    """
    folder = Path(folder)
    try:
        record = Record.model_validate_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
        measured = Benchmark.model_validate_json((folder / BENCHMARK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"no whole report in {folder}: {_why(error)}. Build the bundle again.") from error
    return Report(record=record, benchmark=measured, devices=read_devices(folder))


def _why(error: OSError | ValueError) -> str:
    return f"{error.filename} is not there" if isinstance(error, OSError) else faults(error)


def check(report: Report, where: Path | str | None = None) -> None:
    """Demand that no parity or stress row has failed, every file is what it is called, and every budget has passed.

    *where* is the place of the report.

    A file that could not be made or run here, for its library is not there, is a skipped row and no failure. A budget
    that could not be measured is as bad as one that is missed: it was asked for.

    Raises:
        CheckFailed: rows failed or were skipped; each is named, and by how much.
        Undecided: none did, but some are noisy.
    """
    place = f" The report is in {where}." if where is not None else ""
    wrong = [f"{row.target} parity: {row.reason}" for row in report.record.parity if row.status == "failed"]
    stressed = ((row.target, row.stress) for row in report.record.parity)
    wrong += [f"{name} stress: {one.reason}" for name, one in stressed if one and one.status == "failed"]
    wrong += [f"{row.target} storage: {why}" for row in report.record.files for why in failures(row)]
    check_budgets(report.budgets, wrong, place)


def check_budgets(rows: Sequence[BudgetResult], wrong: Sequence[str] = (), place: str = "") -> None:
    """Demand that every one of *rows* has passed, and that nothing else is *wrong*; errors as of :func:`check`."""
    wrong = [*wrong, *(f"{row.target} {row.what}: {row.reason}" for row in rows if row.status in ("failed", "skipped"))]
    if wrong:
        raise CheckFailed(f"{len(wrong)} checks failed: {'; '.join(wrong)}.{place}")
    if noisy := [f"{row.target} {row.what}: {row.reason}" for row in rows if row.status == "noisy"]:
        raise Undecided(
            f"NOISY, neither passed nor failed: {'; '.join(noisy)}.{place}\n"
            "The machine was too busy to tell. Run the same command again when it has less to do."
        )


def make_record(
    folder: Path,
    exported: Sequence[ExportedModel],
    parity: Sequence[ParityResult],
    yardstick: Path,
    recipe: Recipe,
    provenance: dict[str, str],
    compression: Compression | None,
    release: Release | None = None,
) -> Record:
    """What is the same for the same files; arguments and errors as of :func:`make_report`."""
    files = tuple(_file_record(folder, model) for model in exported)
    float_network = contents_of(yardstick, recipe.export.height, recipe.export.width)
    return Record(
        name=recipe.name,
        recipe=recipe,
        provenance=provenance,
        libraries=libraries(),
        float_network=float_network,
        compression=compression,
        files=files,
        parity=tuple(parity),
        budgets=(
            *file_budgets(recipe, files, parity),
            *sparsity_kept(recipe, float_network, files),
            *(file_regressions(recipe, release, files, parity) if release else ()),
        ),
    )


def _file_record(folder: Path, model: ExportedModel) -> FileRecord:
    path = folder / model.file
    contents = contents_of(path)
    return FileRecord.model_validate(
        {
            "target": model.target,
            "file": model.file,
            "format": path.suffix.removeprefix("."),
            "signature": model.signature,
            "size": size_of(path),
            "contents": contents,
            "diagnosis": diagnosis_of(path, contents),
            "notes": model.notes,
        }
    )


def _benchmark(folder: Path, record: Record, yardstick: Path, recipe: Recipe, say: Callable[[str], None]) -> Benchmark:
    files = [folder / row.file for row in record.files]
    unmeasured = {path.name: why for path in files if (why := format_of(path).unmeasured)}
    paths = [yardstick, *(path for path in files if path.name not in unmeasured)]
    size = recipe.export.all_sides[0]
    latency, errors = measure_sizes(folder, record, yardstick, recipe, unmeasured, say)
    skipped = unmeasured | {Path(path).name: reason for path, reason in errors.items()}
    memory = []
    for path in paths:
        say(f"memory of {path.name}")
        try:
            memory.append(peak_memory(path, size))
        except ModelError as error:
            skipped[path.name] = str(error)
    made = Benchmark(
        name=recipe.name,
        machine=machine(),
        float_file=yardstick.name,
        latency=tuple(latency),
        memory=tuple(memory),
        skipped=skipped,
        budgets=(),
    )
    by_target = {row.target: row.file for row in record.files}
    return made.model_copy(update={"budgets": machine_budgets(recipe, by_target, made)})


def _write(path: Path, noun: Record | Benchmark) -> None:
    write_text(path, noun.model_dump_json(indent=1) + "\n")
