"""By how much one model is nearer than another in a table of distances, as a table drawn from the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def shares_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], models: Sequence[str], other: str, kind: str
) -> str:
    """By how many percent each of *models* is nearer than *other*, for each painting; below zero it is farther.

    Args:
        rows: of a study, each with ``painting``, ``model`` and the distances.
        columns: the distances and their titles.
        kind: the head of the column that names the models.
    """
    found = {(row["painting"], row["model"]): row for row in rows}
    lines = [
        f"| painting | {kind} | " + " | ".join(columns.values()) + " |",
        "| --- | --- |" + " ---: |" * len(columns),
    ]
    for painting in dict.fromkeys(row["painting"] for row in rows):
        for model in models:
            mine, its = found[painting, model], found[painting, other]
            cells = (f"{100 * (1 - mine[key] / its[key]):.0f}" for key in columns)
            lines.append(f"| {painting} | {model} | {' | '.join(cells)} |")
    return "\n".join(lines).replace("-0 |", "0 |")
