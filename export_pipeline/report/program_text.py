"""The program of a Core ML file for a terminal: tables by operation, then every operation in its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export_pipeline.base.printable import printable
from export_pipeline.emulator.listings.nouns import Body, Listing, Step, Value
from export_pipeline.report.tables import TextTable, text_table

_WIDEST = 32  # of a column that others are lined up with


def program_text(program: Listing, brief: bool = False) -> str:
    """What ``inspect`` prints of a program; *brief* leaves out the operations themselves."""
    parts = [text_table(_by_operation(program))]
    if not program.neural_engine:  # what there is stands with the file's other diagnoses
        parts.append("Neural Engine: nothing here that Apple documents as kept off it; Core ML decides on the device")
    if not brief:
        parts += ["\n".join(map(printable, _body(body, ""))) for body in program.bodies]
    return "\n\n".join(parts)


def _by_operation(program: Listing) -> TextTable:
    rows = tuple(
        (
            printable(kind),
            str(sum(counts.values())),
            ", ".join(f"{dtype} {count}" for dtype, count in counts.items()),
            f"{program.bytes_by_operation[kind]:,}",
        )
        for kind, counts in program.precision_by_operation.items()
    )
    return TextTable("Operations", ("operation", "count", "precision of results", "weight bytes"), rows)


def _body(body: Body, indent: str) -> Iterator[str]:
    taken = ", ".join(f"{value.name}: {value.type}" for value in body.inputs)
    yield f"{indent}{body.name}({taken})" if taken or not indent else f"{indent}{body.name}"
    columns = [(step.kind, _names(step.outputs), _types(step.outputs)) for step in body.steps]
    widths = [min(_WIDEST, max((len(row[i]) for row in columns), default=0)) for i in range(3)]
    for step, row in zip(body.steps, columns, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"{indent}  {'  '.join([*cells, _arguments(step)])}".rstrip()
        for block in step.blocks:
            yield from _body(block, indent + "      ")
    if body.outputs:
        yield f"{indent}  gives {', '.join(body.outputs)}"


def _names(values: Sequence[Value]) -> str:
    return ", ".join(value.name for value in values)


def _types(values: Sequence[Value]) -> str:
    return ", ".join(value.type for value in values)


def _arguments(step: Step) -> str:
    return ", ".join(f"{name}={words}" if name else words for name, words in step.arguments)
