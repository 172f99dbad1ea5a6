"""The tables of the pages: rows of words drawn from a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export_pipeline.records.metric import Metric
from export_pipeline.records.parity import ParityResult
from export_pipeline.report.budgets import ADDED
from export_pipeline.report.compression_rows import compression_table, ranges_table, rounds_table, sparsity_table
from export_pipeline.report.device_rows import devices_table
from export_pipeline.report.diagnosis_rows import diagnosis_table, stress_table
from export_pipeline.report.model import BudgetResult, FileRecord, LatencyResult, Report
from export_pipeline.report.sizes import larger
from export_pipeline.report.tables import TextTable
from export_pipeline.report.verdict import verdict
from export_pipeline.report.words import SKIPPED, counts, number, percent


def files_table(report: Report) -> TextTable:
    """One row for each file: size, parity, quality, speed, memory, and the verdict on all of it."""
    metrics = report.record.recipe.metrics
    header = (
        *("target", "bytes", "deflated", "PSNR dB", "SSIM"),
        *(metric.title for metric in metrics),
        *("ms (1 thread)", "x float FPS", "peak MB", "status"),
    )
    status = verdict(report).files
    files = (_file_row(report, row, metrics, status[row.target]) for row in report.record.files)
    rows = [*_baseline_rows(report, metrics), *files]
    rows += [
        (row.target, *("",) * (len(header) - 2), SKIPPED)
        for row in report.record.parity
        if row.status == "skipped" and row.target not in status
    ]
    return TextTable("Files", header, tuple(rows))


def _baseline_rows(report: Report, metrics: Sequence[Metric]) -> Iterator[tuple[str, ...]]:
    """What can be had without a network, where the metrics were measured."""
    row = next((row for row in report.record.parity if row.quality == "measured"), None)
    values = [row.baseline_metric(metric.name) if row else None for metric in metrics]
    if any(value is not None for value in values):
        numbers = (number(value, metric.digits) for value, metric in zip(values, metrics, strict=True))
        yield (report.record.recipe.baseline, "", "", "", "", *numbers, "", "", "", "")


def _file_row(report: Report, file: FileRecord, metrics: Sequence[Metric], status: str) -> tuple[str, ...]:
    parity = next((row for row in report.record.parity if row.target == file.target), None)
    latency, memory = report.benchmark.latency_of(file.file), report.benchmark.memory_of(file.file)
    return (
        file.target,
        f"{file.size.bytes:,}{larger(report.record, file)}",
        f"{file.size.deflated_bytes:,}",
        number(parity.psnr if parity else None, 1),
        number(parity.ssim if parity else None, 4),
        *(number(parity.metric(metric.name) if parity else None, metric.digits) for metric in metrics),
        number(latency.median_ms if latency else None, 2),
        number(report.benchmark.fps_ratio(file.file), 2),
        number(memory.peak_bytes / 1e6 if memory else None, 0),
        status.upper(),
    )


# Heading, attribute and digits of the numbers that only some kinds of output have.
_OF_SOME_OUTPUTS = (("SSIM", "ssim", 5), ("relative error", "relative_error", 5))


def parity_table(report: Report) -> TextTable:
    """One row for each file: every parity number, its limit and the limit's reason; before them the float network's.

    SSIM is of pictures and the relative error of other outputs; a column that would be empty is left out.
    """
    metrics, rows = report.record.recipe.metrics, report.record.parity
    further = [one for one in _OF_SOME_OUTPUTS if any(getattr(row, one[1]) is not None for row in rows)]
    header = (
        *("target", "images", "PSNR dB", "mean", "limit", "max abs", *(title for title, *_ in further)),
        *(metric.title for metric in metrics),
        *("parity", "why"),
    )
    own = next((row for row in rows if row.quality == "measured"), None)
    values = [own.float_metric(metric.name) if own else None for metric in metrics]
    numbers = (number(value, metric.digits + 1) for value, metric in zip(values, metrics, strict=True))
    network = [("float network", *[""] * (5 + len(further)), *numbers, "", "")] if own and metrics else []
    files = (_parity_row(row, metrics, further) for row in rows)
    return TextTable("Parity and quality", header, (*network, *files))


def _parity_row(
    row: ParityResult, metrics: Sequence[Metric], further: Sequence[tuple[str, str, int]]
) -> tuple[str, ...]:
    quality_reason = row.quality_reason if row.quality_reason != row.reason else ""
    why = (row.reason, quality_reason, f"limit: {row.tolerance_reason}")
    return (
        row.target,
        str(row.images),
        number(row.psnr, 2),
        number(row.psnr_mean, 2),
        number(row.min_psnr, 0),
        number(row.max_abs, 2),
        *(number(getattr(row, name), digits) for _, name, digits in further),
        *(number(row.metric(metric.name), metric.digits + 1) for metric in metrics),
        row.status.upper(),
        "; ".join(filter(None, why)),
    )


def budgets_table(rows: Sequence[BudgetResult]) -> TextTable:
    """One row for each budget, and for each limit against the last release."""
    return _limits_table("Budgets", [row for row in rows if row.what not in ADDED])


def added_table(rows: Sequence[BudgetResult]) -> TextTable:
    """One row for each check that pruning brings with it: no file may have fewer zeros than the network."""
    return _limits_table("Zeros of the pruned network, kept in every file", [row for row in rows if row.what in ADDED])


def _limits_table(title: str, rows: Sequence[BudgetResult]) -> TextTable:
    return TextTable(
        title,
        ("target", "what", "limit", "measured", "status", "why"),
        tuple(
            (
                row.target,
                row.what if row.release is None else f"{row.what} (release: {number(row.release)})",
                f"at {row.rule} {row.limit:,.6g}" if row.limit < 1e6 else f"at {row.rule} {row.limit:,.0f}",
                number(row.measured),
                row.status.upper(),
                row.reason,
            )
            for row in rows
        ),
    )


def latency_table(rows: Sequence[LatencyResult]) -> TextTable:
    """One row for each file and number of threads."""
    header = ("file", "runtime", "size", "threads", "median ms", "IQR ms", "FPS", "runs")
    return TextTable(
        "Latency",
        header,
        tuple(
            (
                row.file,
                f"{row.runtime} {row.version}",
                f"{row.height}x{row.width}" if row.height else "-",
                str(row.threads),
                f"{row.median_ms:.3f}",
                f"{row.iqr_ms:.3f}",
                f"{row.fps:.1f}",
                str(row.runs),
            )
            for row in rows
        ),
    )


def memory_table(report: Report) -> TextTable:
    """One row for each file."""
    header = ("file", "runtime", "peak MB", "of it the imported library MB")
    rows = report.benchmark.memory
    return TextTable(
        "Peak memory of a fresh process",
        header,
        tuple(
            (row.file, row.runtime, f"{row.peak_bytes / 1e6:.1f}", f"{row.imported_bytes / 1e6:.1f}") for row in rows
        ),
    )


def contents_table(report: Report) -> TextTable:
    """One row for each file, and one for the float network."""
    header = ("target", "parameters", "nonzero kernels", "multiply-accumulates", "operations", "precisions")
    entries = [("float network", report.record.float_network)]
    entries += [(row.target, row.contents) for row in report.record.files]
    return TextTable(
        "Contents, read back from the files",
        header,
        tuple(
            (
                name,
                f"{c.parameters:,}",
                percent(c.nonzero_share),
                number(c.multiply_accumulates),
                counts(c.operations),
                counts(c.precisions),
            )
            for name, c in entries
        ),
    )


def work_table(report: Report) -> TextTable:
    """Multiply-accumulates of the float network by layer, and all together, with the kind of its blocks."""
    network, table = report.record.float_network, report.record.recipe.model
    total, kind = network.multiply_accumulates or 0, getattr(table, "blocks_kind", None)
    rows = [
        (row.name, row.kind, f"{row.multiply_accumulates:,}", percent(row.multiply_accumulates / total))
        for row in network.work
    ]
    if rows:
        rows.append(("all", f"{kind} blocks" if kind else "", f"{total:,}", percent(1.0)))
    return TextTable("Work by layer", ("layer", "kind", "multiply-accumulates", "share"), tuple(rows))


def all_tables(report: Report) -> tuple[TextTable, ...]:
    """Every table of the pages, in order."""
    latency = latency_table(report.benchmark.latency)
    return (
        files_table(report),
        budgets_table(report.budgets),
        added_table(report.budgets),
        parity_table(report),
        stress_table(report),
        latency,
        devices_table(report.devices),
        memory_table(report),
        contents_table(report),
        diagnosis_table(report),
        work_table(report),
        rounds_table(report),
        compression_table(report),
        ranges_table(report),
        sparsity_table(report),
    )
