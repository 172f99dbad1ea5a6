"""Pages drawn from a report: Markdown, HTML and the terminal's table. JSON is the record; these only show it."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from pathlib import Path

from export_pipeline.base.printable import printable, printable_lines
from export_pipeline.records.signature import Port
from export_pipeline.report.diagnosis_rows import diagnosis_notes, diagnosis_text
from export_pipeline.report.model import ContainerInspection, Inspection, LatencyResult, Report
from export_pipeline.report.program_text import program_text
from export_pipeline.report.rows import all_tables, budgets_table, files_table, latency_table
from export_pipeline.report.tables import TextTable, markdown_table, text_table
from export_pipeline.report.verdict import Verdict, verdict
from export_pipeline.report.words import SKIPPED, counts, number, percent, stored_as

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { border: 1px solid #ccc; padding: .25rem .6rem; }
th { background: #f4f4f4; text-align: left; } td { text-align: right; } td:first-child { text-align: left; }
.failed { background: #fdd; } .skipped, .noisy { background: #ffd; } img { max-width: 100%; } div { overflow-x: auto; }
.verdict { padding: .5rem .8rem; border-left: .3rem solid #2a2; } .verdict.failed { border-color: #c22; }
"""


def notes(report: Report) -> list[str]:
    """What the reader must know beside the tables."""
    machine = report.benchmark.machine
    lines = [
        f"Speed and memory are of this machine, not of a phone: {machine.processor}, {machine.cores} cores, "
        f"{machine.system}, Python {machine.python}. Files were timed in turns, in one process.",
        "x float FPS: frames per second as a multiple of the float Keras network's, one thread each, same run.",
    ]
    lines += [f"{m.title}: {m.meaning}; {m.better} is better." for m in report.record.recipe.metrics]
    lines += [f"{row.target}: {note}" for row in report.record.files for note in row.notes]
    lines += diagnosis_notes(report.record.files)
    lines += [f"{SKIPPED} speed or memory of {file}: {why}" for file, why in report.benchmark.skipped.items()]
    lines += [f"{SKIPPED} {row.target}: {row.reason}" for row in report.record.parity if row.status == "skipped"]
    lines += [
        f"{SKIPPED} quality of {row.target}: {row.quality_reason}"
        for row in report.record.parity
        if row.quality == "skipped" and row.status != "skipped"
    ]
    for one in report.devices.devices if report.devices else ():
        lines.append(f"{one.device}: measured by the app's benchmark screen, whose files go by their names.")
        lines += [f"{SKIPPED} on {one.device}: {file}: {why}" for file, why in one.skipped.items()]
    lines += ["Versions: " + ", ".join(f"{name} {version}" for name, version in machine.libraries.items())]
    lines += [f"{name}: {value}" for name, value in report.record.provenance.items()]
    return lines


def markdown(report: Report, picture: str | None = None) -> str:
    """The page ``report.md``; *picture* is the name of the image beside it."""
    found = verdict(report)
    parts = [f"# Report of {report.record.name}", f"**{found.headline}**"]
    parts += ["\n".join(f"- {line}" for line in found.lines)] if found.lines else []
    parts += [f"![input, float network, exported files]({picture})"] if picture else []
    parts += [f"## {table.title}\n\n{markdown_table(table)}" for table in all_tables(report) if table.rows]
    parts += ["## Notes\n\n" + "\n".join(f"- {line}" for line in notes(report))]
    return "\n\n".join(parts) + "\n"


def page(report: Report, picture: Path | None = None) -> str:
    """The page ``report.html``, with the picture inside: one file that needs no other."""
    title = html.escape(f"Report of {report.record.name}")
    parts = [f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>']
    parts += [f"<h1>{title}</h1>", _html_verdict(verdict(report))]
    if picture is not None:
        data = base64.b64encode(picture.read_bytes()).decode()
        parts += [f'<p><img alt="input, float network, exported files" src="data:image/jpeg;base64,{data}"></p>']
    parts += [f"<h2>{html.escape(t.title)}</h2><div>{_html_table(t)}</div>" for t in all_tables(report) if t.rows]
    parts += ["<h2>Notes</h2><ul>", *(f"<li>{html.escape(line)}</li>" for line in notes(report)), "</ul></html>"]
    return "\n".join(parts) + "\n"


def _html_verdict(found: Verdict) -> str:
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in found.lines)
    listed = f"<ul>{lines}</ul>" if lines else ""
    return f'<div class="verdict {found.status}"><strong>{html.escape(found.headline)}</strong>{listed}</div>'


def _html_table(table: TextTable) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = []
    for row in table.rows:
        kind = next((name for name in ("failed", "skipped", "noisy") if name.upper() in row), "")
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        rows.append(f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def terminal(report: Report) -> str:
    """What a build ends with: the verdict, the files, and the budgets where there are any."""
    found = verdict(report)
    tables = [files_table(report), budgets_table(report.budgets)]
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
    dtype = "" if port.kind == "image" else port.dtype
    return " ".join(filter(None, [port.kind, shape, dtype, "optional" if port.optional else ""]))


def benchmark_text(rows: Sequence[LatencyResult]) -> str:
    """What ``benchmark`` prints."""
    return f"{text_table(latency_table(rows))}\n\nMeasured on {rows[0].processor}; a phone differs."
