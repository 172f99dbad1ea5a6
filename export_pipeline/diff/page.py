"""A difference as one HTML page with its pictures inside: old, new, and where they differ."""

from __future__ import annotations

import html
import io

import numpy as np
from PIL import Image

from export_pipeline.diff.model import Diff
from export_pipeline.diff.pictures import Sheet, Shown
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
from export_pipeline.report import html as web
from export_pipeline.report.picture import BRIGHTER

MOST_SIDE = 480  # pixels; larger pictures are scaled down
QUALITY = 90
_CHANGES = (
    ("better, worse", "which way a number went that has a better side"),
    ("difference", "where old and new differ: the brighter, the more"),
)


def page(found: Diff, sheet: Sheet | None = None) -> str:
    """The page: it needs no other file."""
    parts = [
        web.heading(found.new.name, 1),
        web.paragraph(f"{found.old.path} -> {found.new.path}"),
        web.verdict(found.verdict, verdict_line(found), wrong_lines(found)),
        web.paragraph(summary(found)),
    ]
    parts += [web.table(chief_numbers(found))] if chief_numbers(found).rows else []
    parts += [web.paragraph(note) for note in found.notes]
    if sheet is not None:
        parts += _pictures(sheet)
    parts += [web.table(table) for table in (latency_table(found), pictures_table(found)) if table.rows]
    parts += [web.folded(table) for table in (numbers_table(found), *words_tables(found)) if table.rows]
    parts.append(web.legend([*web.STATUSES, *_CHANGES]))
    return web.document(f"{found.old.path} -> {found.new.path}", parts)


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
        drawing = web.image(name, stream.getvalue(), "jpeg")
    return f"<figure>{drawing}<figcaption>{html.escape(name)}</figcaption></figure>"
