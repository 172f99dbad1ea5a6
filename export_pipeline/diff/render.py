"""A difference as text for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from export_pipeline.base.printable import printable
from export_pipeline.diff.model import Diff
from export_pipeline.diff.rows import (
    chief_numbers,
    latency_table,
    numbers_table,
    pictures_table,
    summary,
    verdict_line,
    words_tables,
    wrong_lines,
)
from export_pipeline.report.tables import TextTable, markdown_table, text_table

MOST_COMMENT = 60_000  # characters; a comment on GitHub takes 65,536
MOST_ROWS = 25  # of what is not folded
MOST_FOLDED = 120
MOST_CELL = 160
# The comment of an earlier run is found by it, and replaced.
MARK = "<!-- export-pipeline diff of {} -->"


def terminal(found: Diff) -> str:
    """What the verb prints."""
    tables = [numbers_table(found), latency_table(found), pictures_table(found)]
    parts = [f"{found.old.path} -> {found.new.path}", summary(found)]
    parts += [f"{table.title}\n{text_table(_short(table))}" for table in (*tables, *words_tables(found)) if table.rows]
    parts += [*found.notes, "\n".join([verdict_line(found), *wrong_lines(found)])]
    return "\n\n".join(printable_block(part) for part in parts)


def printable_block(text: str) -> str:
    """*text* with what a terminal must not get made visible, line by line."""
    return "\n".join(map(printable, text.splitlines()))


def markdown(found: Diff) -> str:
    """A comment for a pull request: the verdict, what changed, and the rest folded; :data:`MOST_COMMENT` at most."""
    head = [
        MARK.format(found.new.name),
        f"### {_escaped(found.new.name)}: {_escaped(verdict_line(found))}",
    ]
    if wrong := wrong_lines(found):
        more = [f"... and {len(wrong) - MOST_ROWS} more"] if len(wrong) > MOST_ROWS else []
        head.append("\n".join(f"- {_escaped(_cut(line, 3 * MOST_CELL))}" for line in (*wrong[:MOST_ROWS], *more)))
    head.append(_escaped(summary(found)))
    if found.nothing:
        head.append("Nothing that is measured has changed.")
    if (table := chief_numbers(found)).rows:
        head.append(markdown_table(_short(table, MOST_ROWS)))
    head += list(found.notes)
    text = "\n\n".join(head)
    for folded in _folded(found):
        if len(text) + len(folded) > MOST_COMMENT:
            text += "\n\nThe rest is in the page and the JSON of this difference; a comment takes no more."
            break
        text += f"\n\n{folded}"
    return text + "\n"


def _folded(found: Diff) -> Iterator[str]:
    everything = numbers_table(found)
    numbers = everything if len(everything.rows) > min(MOST_ROWS, len(chief_numbers(found).rows)) else None
    tables = (numbers, latency_table(found), pictures_table(found), *words_tables(found))
    for table in tables:
        if table is not None and table.rows:
            count = f" ({len(table.rows)})"
            body = markdown_table(_short(table, MOST_FOLDED))
            yield f"<details><summary>{table.title}{count}</summary>\n\n{body}\n\n</details>"


def _short(table: TextTable, most: int | None = None) -> TextTable:
    """*table* with cells of a bearable length, and no more than *most* rows; a last row says how many are left out."""
    rows = tuple(tuple(_cut(_escaped(cell) if most else cell) for cell in row) for row in table.rows)
    if most is not None and len(rows) > most:
        left = (f"... and {len(rows) - most} more", *[""] * (len(table.header) - 1))
        rows = (*rows[:most], left)
    return TextTable(table.title, table.header, rows)


def _cut(text: str, most: int = MOST_CELL) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _escaped(text: str) -> str:
    """Text of files and recipes as GitHub shows it literally: no HTML, no mention of a person."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")
