"""A difference as one HTML page with its pictures inside: old, new, and where they differ."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from export_pipeline.diff.model import Diff
from export_pipeline.diff.pictures import BRIGHTER, Sheet, Shown
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
from export_pipeline.report.tables import TextTable

MOST_SIDE = 480  # pixels; larger pictures are scaled down
QUALITY = 90
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } th, td { border: 1px solid #ccc; padding: .2rem .5rem; text-align: left; }
th { background: #f4f4f4; } .scroll { overflow-x: auto; }
.verdict { padding: .6rem 1rem; border-left: .4rem solid #999; }
.failed { background: #fdd; border-color: #c00; } .noisy, .skipped { background: #ffd; border-color: #cb0; }
.passed { border-color: #080; } .worse { color: #b00; } .better { color: #070; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; }
figure { margin: 0; } figure img { width: 100%; } figcaption { font-size: .85rem; } summary { cursor: pointer; }
"""


def page(found: Diff, sheet: Sheet | None = None) -> str:
    """The page: it needs no other file."""
    title = html.escape(f"{found.old.path} -> {found.new.path}")
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style><h1>{html.escape(found.new.name)}</h1><p>{title}</p>",
        f'<p class="verdict {found.verdict}">{html.escape(verdict_line(found))}</p>',
        "<ul>",
        *(f"<li>{html.escape(line)}</li>" for line in wrong_lines(found)),
        f"</ul><p>{html.escape(summary(found))}</p>",
    ]
    parts += [_table(chief_numbers(found))] if chief_numbers(found).rows else []
    parts += [f"<p>{html.escape(note)}</p>" for note in found.notes]
    if sheet is not None:
        parts += _pictures(sheet)
    parts += [_table(table) for table in (latency_table(found), pictures_table(found)) if table.rows]
    parts += [_folded(table) for table in (numbers_table(found), *words_tables(found)) if table.rows]
    return "\n".join([*parts, "</html>"]) + "\n"


def _table(table: TextTable) -> str:
    return f'<h2>{html.escape(table.title)}</h2><div class="scroll">{_rows(table)}</div>'


def _folded(table: TextTable) -> str:
    head = f"{html.escape(table.title)} ({len(table.rows)})"
    return f'<details><summary>{head}</summary><div class="scroll">{_rows(table)}</div></details>'


def _rows(table: TextTable) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    body = []
    for row in table.rows:
        kind = next((cell.lower() for cell in row if cell in ("FAILED", "SKIPPED", "NOISY", "worse", "better")), "")
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        body.append(f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def _pictures(sheet: Sheet) -> list[str]:
    parts = ["<h2>Pictures</h2>", '<div class="pictures">', _figure("photograph", sheet.photo), "</div>"]
    for one in (sheet.networks, *sheet.files):
        parts += [f"<h3>{html.escape(_caption(one))}</h3>", '<div class="pictures">']
        shown = (("old", one.old), ("new", one.new), (f"difference, {BRIGHTER} times as bright", one.difference))
        parts += [_figure(name, image) for name, image in shown if image is not None]
        parts.append("</div>")
    return parts


def _caption(one: Shown) -> str:
    change = one.change
    if change.equal:
        return f"{change.target}: every pixel is equal"
    if change.psnr is None:
        return f"{change.target}: {change.note}"
    return f"{change.target}: {change.psnr:.2f} dB, off by {change.max_abs:.0f} at most"


def _figure(name: str, image: np.ndarray) -> str:
    drawn = Image.fromarray(image)
    drawn.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.LANCZOS)
    with io.BytesIO() as stream:
        drawn.save(stream, "JPEG", quality=QUALITY)
        data = base64.b64encode(stream.getvalue()).decode()
    text = html.escape(name)
    return f'<figure><img alt="{text}" src="data:image/jpeg;base64,{data}"><figcaption>{text}</figcaption></figure>'
