"""Tables as text and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextTable:
    """A title, a header and rows of as many cells."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def markdown_table(table: TextTable) -> str:
    """The table in Markdown, columns of numbers to the right."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.header)
    rule = ["---:" if column and all(cell[:1].isdigit() for cell in column) else "---" for column in columns]
    return "\n".join([_line(table.header), f"| {' | '.join(rule)} |", *(_line(row) for row in table.rows)])


def text_table(table: TextTable) -> str:
    """The table for a terminal, in columns."""
    every = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(table.header))]
    lines = [_padded(row, widths) for row in every]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _padded(cells: tuple[str, ...], widths: list[int]) -> str:
    """The first cell to the left, numbers to the right, words to the left."""
    padded = []
    for cell, width in zip(cells, widths, strict=True):
        padded.append(cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width))
    return "  ".join(padded).rstrip()
