"""Pages drawn from a report: Markdown, HTML and the terminal's table. JSON is the record; these only show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from export_pipeline.base.printable import printable, printable_lines
from export_pipeline.records.signature import Port
from export_pipeline.report import html as web
from export_pipeline.report.diagnosis_rows import diagnosis_text
from export_pipeline.report.model import ContainerInspection, Inspection, LatencyResult, Report
from export_pipeline.report.notes import notes
from export_pipeline.report.program_text import program_text
from export_pipeline.report.rows import added_table, all_tables, budgets_table, files_table, latency_table
from export_pipeline.report.tables import TextTable, markdown_table, text_table
from export_pipeline.report.verdict import verdict
from export_pipeline.report.views import WHOLE, pictures
from export_pipeline.report.words import counts, number, percent, stored_as

# Tables of a row for each layer or kernel, which are unfolded by who wants them.
_LONG = ("Work by layer", "Compression", "Trained ranges", "Convolution kernels", "Structured pruning")


def legend(report: Report) -> list[tuple[str, str]]:
    """What the columns mean, a line each."""
    entries = [
        ("x float FPS", "frames per second as a multiple of the float Keras network's, one thread each, same run")
    ]
    entries += [(m.title, f"{m.meaning}; {m.better} is better") for m in report.record.recipe.metrics]
    return entries


def markdown(report: Report, picture: str | None = None) -> str:
    """The page ``report.md``; *picture* is the name of the image beside it."""
    found = verdict(report)
    parts = [f"# Report of {report.record.name}", f"**{found.headline}**"]
    parts += ["\n".join(f"- {line}" for line in found.lines)] if found.lines else []
    parts += [f"![{WHOLE}]({picture})"] if picture else []
    parts += [f"## {table.title}\n\n{markdown_table(table)}" for table in all_tables(report) if table.rows]
    parts += ["## Legend\n\n" + "\n".join(f"- {word}: {text}." for word, text in legend(report))]
    parts += ["## Notes\n\n" + "\n".join(f"- {line}" for line in notes(report))]
    return "\n\n".join(parts) + "\n"


def page(report: Report, picture: Path | None = None) -> str:
    """The page ``report.html``, with the picture inside: one file that needs no other."""
    title, found = f"Report of {report.record.name}", verdict(report)
    parts = [web.heading(title, 1), web.verdict(found.status, found.headline, found.lines)]
    first, more = ("", "") if picture is None else pictures(picture)
    tables = [table for table in all_tables(report) if table.rows]
    drawn = [web.folded(table) if table.title in _LONG else web.table(table) for table in tables]
    parts += [first, *drawn[:1], more, *drawn[1:]]
    parts += [web.legend([*web.STATUSES, *legend(report)]), web.heading("Notes"), web.listed(notes(report))]
    return web.document(title, parts)


def terminal(report: Report) -> str:
    """What a build ends with: the verdict, the files, and the budgets where there are any."""
    found = verdict(report)
    tables = [files_table(report), budgets_table(report.budgets), added_table(report.budgets)]
    head = "\n".join([found.headline, *(f"  {line}" for line in found.lines)])
    return "\n\n".join([head, *(text_table(table) for table in tables if table.rows)])


def inspection_text(seen: Inspection | ContainerInspection, brief: bool = False) -> str:
    """What ``inspect`` prints; *brief* leaves out the operations of a Core ML file."""
    head = f"{seen.file}: {seen.format}, {seen.size.bytes:,} bytes ({seen.size.deflated_bytes:,} deflated)"
    return _container(seen, head) if isinstance(seen, ContainerInspection) else _model(seen, head, brief)


def _container(seen: ContainerInspection, head: str) -> str:
    lines = [head, f"parameters {seen.parameters:,}, {seen.memory_bytes:,} bytes once read"]
    rows = tuple(
        (
            printable(tensor.name),
            "x".join(map(str, tensor.shape)),
            f"{'table of ' if tensor.table else ''}{tensor.stored}"
            f"{'' if tensor.form == 'dense' else f', sparse by {tensor.form}'}",
            "-" if tensor.table is None else str(tensor.table),
            percent(tensor.zeros / (math.prod(tensor.shape) or 1)),
            f"{tensor.bytes:,}",
        )
        for tensor in seen.tensors
    )
    table = TextTable("Tensors", ("name", "shape", "stored as", "entries", "zeros", "bytes"), rows)
    return "\n".join([*map(printable, lines), "", text_table(table)])


def _model(seen: Inspection, head: str, brief: bool) -> str:
    c = seen.contents
    lines = [head]
    for side, ports in (("input", seen.inputs), ("output", seen.outputs)):
        lines += [f"{side:9} {port.name}: {_port(port)}" for port in ports]
    lines += [f"parameters {c.parameters:,}, nonzero in convolution kernels {percent(c.nonzero_share)}"]
    lines += [f"multiply-accumulates {number(c.multiply_accumulates)}"]
    lines += [f"operations {counts(c.operations)}", f"precisions {counts(c.precisions)}"]
    lines += [f"metadata  {name}: {value}" for name, value in sorted(seen.metadata.items())]
    rows = tuple(
        (printable(w.name), "x".join(map(str, w.shape)), stored_as(w.stored), str(w.bits), percent(1 - w.nonzero_share))
        for w in c.weights
    )
    table = TextTable("Weights", ("name", "shape", "stored as", "bits", "zeros"), rows)
    parts = ["\n".join(map(printable, lines)), text_table(table), printable_lines(diagnosis_text(seen.diagnosis))]
    if seen.program is not None:
        parts.append(program_text(seen.program, brief))
    return "\n\n".join(parts)


def _port(port: Port) -> str:
    shape = "x".join("any" if length is None else str(length) for length in port.shape)
    shape = port.allowed() if port.sizes else shape
    dtype = "" if port.kind == "image" else port.dtype
    return " ".join(filter(None, [port.kind, shape, dtype, "optional" if port.optional else ""]))


def benchmark_text(rows: Sequence[LatencyResult]) -> str:
    """What ``benchmark`` prints."""
    return f"{text_table(latency_table(rows))}\n\nMeasured on {rows[0].processor}; a phone differs."
