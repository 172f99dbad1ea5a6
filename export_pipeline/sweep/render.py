"""The page of a sweep, and its text for a terminal: drawn from the two records, nothing is worked out here."""

from __future__ import annotations

from collections.abc import Sequence

from export_pipeline.report.model import LatencyResult
from export_pipeline.report.tables import TextTable, markdown_table, text_table
from export_pipeline.report.words import number, percent
from export_pipeline.sweep.grid import shown
from export_pipeline.sweep.model import FileResult, Sweep, SweptPoint

# A page that begins with it is a sweep's.
TITLE = "# Sweep of "


def markdown(sweep: Sweep, pictures: Sequence[str]) -> str:
    """The page; *pictures* are files beside it."""
    benchmark = sweep.benchmark
    parts = [
        f"{TITLE}{sweep.record.name}",
        *about(sweep, "`"),
        "## Picks",
        markdown_table(picks_table(sweep)),
        "\n".join(f"- **{pick.name}**: {pick.rule}." for pick in benchmark.picks),
        "## Files",
        "`PSNR dB` and `SSIM` compare a file with the float network as trained, before it was compressed; `export dB` "
        "with the compressed network, which is the parity check. The metrics are means over the validation samples.",
        markdown_table(files_table(sweep)),
        "## Float networks",
        markdown_table(networks_table(sweep)),
    ]
    if wrong := wrong_lines(sweep):
        parts += ["## What failed", "\n".join(f"- {line}" for line in wrong)]
    parts += [f"![{picture}]({picture})" for picture in pictures]
    return "\n\n".join(parts) + "\n"


def about(sweep: Sweep, quote: str = "") -> tuple[str, str]:
    """What was swept, its keys in *quote*, and on what it was measured."""
    record, machine = sweep.record, sweep.benchmark.machine
    axes = (f"{quote}{path}{quote} = {', '.join(map(shown, values))}" for path, values in record.settings.items())
    versions = ", ".join(f"{name} {version}" for name, version in record.libraries.items())
    return (
        f"{len(record.points)} points: {'; '.join(axes)}.",
        f"Speed and memory are of {machine.processor}, {machine.cores} cores, {machine.system}, Python "
        f"{machine.python}: they compare files with each other and are not a phone's. Made and run with {versions}.",
    )


def terminal(sweep: Sweep) -> str:
    """Files and picks for a terminal."""
    picks = [
        f"{pick.name}: {f'{pick.point}, {pick.target}: ' if pick.point else ''}{pick.reason}"
        for pick in sweep.benchmark.picks
    ]
    return "\n".join([text_table(files_table(sweep)), "", *picks])


def wrong_lines(sweep: Sweep) -> list[str]:
    """What failed or was not measured, a line each."""
    points, benchmark = sweep.record.points, sweep.benchmark
    lines = [
        f"{one.label}: {one.result.status}: {one.result.reason}" for one in points if one.result.status != "passed"
    ]
    lines += [
        f"{label}: {row.target} {row.what}: {row.reason}"
        for label, rows in benchmark.budgets.items()
        for row in rows
        if row.status != "passed"
    ]
    return lines + [f"{file} was not measured: {reason}" for file, reason in benchmark.skipped.items()]


def picks_table(sweep: Sweep) -> TextTable:
    """One row for each pick."""
    rows = tuple((pick.name, pick.point or "none", pick.target or "", pick.reason) for pick in sweep.benchmark.picks)
    return TextTable("Picks", ("pick", "point", "target", "why"), rows)


def files_table(sweep: Sweep) -> TextTable:
    """One row for each file of each point."""
    metrics = sweep.metrics
    header = (
        *sweep.record.settings,
        "target",
        "bytes",
        "deflated",
        "nonzero",
        *(metric.title for metric in metrics),
        "PSNR dB",
        "SSIM",
        "export dB",
        "ms (1 thread)",
        "x float FPS",
        "peak MB",
        "status",
    )
    rows: list[tuple[str, ...]] = []
    for point in sweep.record.points:
        values = tuple(map(shown, point.overrides.values()))
        rows += [(*values, *_file_row(sweep, point, file)) for file in point.result.files]
        if not point.result.files:
            rows.append((*values, *[""] * (len(header) - len(values) - 1), point.result.status.upper()))
    return TextTable("Files", header, tuple(rows))


def _file_row(sweep: Sweep, point: SweptPoint, file: FileResult) -> tuple[str, ...]:
    benchmark, name = sweep.benchmark, f"{point.folder}/{file.file}"
    latency, memory = benchmark.latency_of(name), benchmark.memory_of(name)
    yardstick = benchmark.latency_of(benchmark.yardsticks[point.label])
    missed = [r for r in benchmark.budgets.get(point.label, ()) if r.target == file.target and r.status != "passed"]
    return (
        file.target,
        f"{file.size.bytes:,}",
        f"{file.size.deflated_bytes:,}",
        percent(file.nonzero_share),
        *(number(file.metric(metric.name), 4) for metric in sweep.metrics),
        number(file.psnr, 1),
        number(file.ssim, 4),
        number(file.export_psnr, 1),
        number(latency.median_ms if latency else None, 2),
        number(_ratio(latency, yardstick), 2),
        number(memory.peak_bytes / 1e6 if memory else None, 0),
        _status(file, [row.status for row in missed]).upper(),
    )


def _ratio(own: LatencyResult | None, yardstick: LatencyResult | None) -> float | None:
    """FPS as a multiple of the float network's: turn by turn, where that is on record."""
    if own is None or yardstick is None:
        return None
    return own.ratio.median if own.ratio else own.fps / yardstick.fps


def _status(file: FileResult, missed: Sequence[str]) -> str:
    """The worst of the file's own checks and of the budgets that it has not passed."""
    if file.status == "failed" or any(status != "noisy" for status in missed):
        return "failed"
    return "noisy" if missed else file.status


def networks_table(sweep: Sweep) -> TextTable:
    """One row for each float network."""
    rows = {}
    for point in sweep.record.points:
        if network := point.result.float_network:
            yardstick = sweep.benchmark.latency_of(sweep.benchmark.yardsticks[point.label])
            rows[network.checkpoint_sha256, point.result.height, point.result.width] = (
                network.checkpoint_sha256[:12],
                f"{point.result.width}x{point.result.height}",
                f"{network.parameters:,}",
                *(number(network.metric(metric.name), 4) for metric in sweep.metrics),
                number(yardstick.median_ms if yardstick else None, 2),
            )
    titles = (metric.title for metric in sweep.metrics)
    header = ("checkpoint", "size", "parameters", *titles, "ms (1 thread)")
    return TextTable("Float networks", header, tuple(rows.values()))
