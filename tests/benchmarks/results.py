"""The tables of ``artifacts/README.md``, made of the records: ``make results``.

Those of bundles come from their reports, those beside the published model from ``artifacts/compared``: what the
commands on the page print with ``--json``. A test compares the page with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from export_pipeline.base.files import write_text

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "artifacts"
PAGE = ARTIFACTS / "README.md"
DISTANCES, FLICKER, SPEED = (ARTIFACTS / "compared" / f"{name}.json" for name in ("distances", "flicker", "speed"))
# The file of a bundle that stands for it.
SMALLEST = ("mlmodel-int8", "mlmodel-palettized")
COLUMNS = {
    "content_distance": "{:.3f}",
    "covariance_distance": "{:.3f}",
    "sliced_wasserstein_distance": "{:.3f}",
    "local_distance": "{:.3f}",
    "color_distance": "{:.1f}",
}
BUNDLES = (
    "| bundle | parameters | bytes | deflated | content | covariance | Wasserstein | local | colour | photographs |"
    " crops |"
)
FILES = "| target | bytes | deflated | PSNR dB |"
COMPARED = "| model | bytes | content | covariance | Wasserstein | local | colour | Gram |"
FLICKERS = "| model | pan | light |"
SPEEDS = "| model | ms, 1 thread | times as fast |"
PHOTOGRAPHS, PUBLISHED = "photographs as they are", "published, TFLite fp32"
KINDS = {
    "-int8.mlmodel": "Core ML 8-bit `.mlmodel`",
    "-int8.tflite": "TFLite full integer",
    "-dynamic.tflite": "TFLite dynamic range",
}


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def title(model: str) -> str:
    """What the page calls the file *model* of a record."""
    name = Path(model).name
    for end, kind in KINDS.items():
        if name.endswith(end):
            return f"ours, {name.removesuffix(end)}, {kind}"
    return PUBLISHED if name.startswith("fritz_") else PHOTOGRAPHS


def bundle(name: str, crops: str) -> str:
    """The row of the bundle *name*, whose network was trained on *crops*."""
    record = json.loads((ARTIFACTS / name / "report.json").read_text())
    size = next(found["size"] for found in record["files"] if found["target"] in SMALLEST)
    parity = next(found for found in record["parity"] if found["target"] in SMALLEST)
    sizes = (record["float_network"]["parameters"], size["bytes"], size["deflated_bytes"])
    distances = [form.format(parity[column]) for column, form in COLUMNS.items()]
    return row([f"[{name}]({name}/report.md)", *map("{:,}".format, sizes), *distances, str(parity["images"]), crops])


def bundles(there: Sequence[str]) -> list[str]:
    """The rows of bundles in the order of *there*, which has their crops."""
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in there]
    return [bundle(found[0][1:].split("]")[0], found[-1]) for found in cells]


def files(_: Sequence[str]) -> list[str]:
    """The rows of all files of the first bundle, as its report has them."""
    report = (ARTIFACTS / "starry_night_small" / "report.md").read_text().split("## Files")[1].split("##")[0]
    return [line for line in report.splitlines() if line.startswith("| ")][2:]


def compared(_: Sequence[str]) -> list[str]:
    """Distances of the published model and of ours; the least of each column in bold, but for the photographs'."""
    record, forms = json.loads(DISTANCES.read_text()), {**COLUMNS, "style_distance": "{:.3f}"}
    columns = {"bytes": "{:,}", **forms}
    least = {column: min(found[column] for found in record[1:]) for column in columns}
    lines = []
    for number, found in enumerate(record):
        cells = [form.format(found[column]) for column, form in columns.items()]
        if number:
            best = [found[column] == least[column] for column in columns]
            cells = [f"**{cell}**" if bold else cell for cell, bold in zip(cells, best, strict=True)]
        else:
            cells = ["", "0", *cells[2:]]
        lines.append(row([title(found["model"]), *cells]))
    return lines


def flicker(_: Sequence[str]) -> list[str]:
    """Levels that a video flickers by; the least in bold, but for the photographs'."""
    record, columns = json.loads(FLICKER.read_text()), ("pan_flicker", "light_flicker")
    least = {column: min(found[column] for found in record[1:]) for column in columns}
    lines = [row([PHOTOGRAPHS, *(f"{record[0][column]:.1f}" for column in columns)])]
    for found in record[1:]:
        cells = [(f"{found[column]:.1f}", found[column] == least[column]) for column in columns]
        lines.append(row([title(found["model"]), *(f"**{cell}**" if bold else cell for cell, bold in cells)]))
    return lines


def speeds(_: Sequence[str]) -> list[str]:
    """Medians, the fastest first below the published model."""
    record: list[Mapping[str, Any]] = json.loads(SPEED.read_text())
    published, *ours = sorted(record, key=lambda found: (title(found["file"]) != PUBLISHED, found["median_ms"]))
    lines = [row([PUBLISHED, f"{published['median_ms']:.0f}", "1"])]
    for found in ours:
        milliseconds, times = found["median_ms"], published["median_ms"] / found["median_ms"]
        cells = [f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in (milliseconds, times)]
        lines.append(row([title(found["file"]), *cells]))
    return lines


TABLES: dict[str, Callable[[Sequence[str]], list[str]]] = {
    BUNDLES: bundles,
    FILES: files,
    COMPARED: compared,
    FLICKERS: flicker,
    SPEEDS: speeds,
}


def redrawn(page: str) -> str:
    """*page* with the rows of each of :data:`TABLES` made anew.

    Raises:
        ValueError: a table is not there.
    """
    lines = page.splitlines()
    for head, rows in TABLES.items():
        first = next((number for number, line in enumerate(lines) if line.startswith(head)), None)
        if first is None:
            raise ValueError(f"the page has no table that begins with {head!r}")
        last = next(number for number in range(first, len(lines)) if not lines[number].startswith("|"))
        lines[first + 2 : last] = rows(lines[first + 2 : last])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(PAGE, redrawn(PAGE.read_text(encoding="utf-8")))
