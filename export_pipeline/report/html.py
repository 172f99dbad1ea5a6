"""Parts of an HTML page that needs no other file: what the pages of reports, differences and sweeps are made of.

On a narrow screen the rows of a table become cards, one cell below the other with its heading, so that nothing scrolls
sideways. Sentences that a column repeats stand once, below the table.
"""

from __future__ import annotations

import base64
import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from export_pipeline.report.sheet import Place
from export_pipeline.report.tables import TextTable

# What the words mean that stand in every page.
STATUSES = (
    ("PASSED", "the check was made and holds"),
    ("FAILED", "it was made and does not hold"),
    ("NOISY", "it was measured, but scatters by more than it is off its limit: neither passed nor failed"),
    ("SKIPPED", "it could not be made, for the reason beside it; that is no pass"),
)
_STATUS_COLUMNS = ("status", "parity", "stress", "is as named")
_COLORED = ("worse", "better", "SKIPPED", "NOISY")  # cells
_WHY = "why"  # the heading of reasons
_SHORT, _LONG = 20, 40  # letters of what may be repeated, and of what needs room
_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?\s?%?( ?\(.*\))?|[\dx]+|none|SKIPPED|")
_CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 78rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 1.8rem; }
p, li, dd, summary { text-align: left; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: .2rem .3rem; vertical-align: top; }
th { background: #f4f4f4; text-align: left; } td { text-align: left; } td.n { text-align: right; white-space: nowrap; }
td.prose { min-width: 14rem; } .notes { font-size: 13px; margin: .2rem 0; padding-left: 1.4rem; } sup { color: #555; }
tr.failed > td, .verdict.failed { background: #fdd; }
tr.skipped > td, tr.noisy > td, td.skipped, td.noisy, .verdict.noisy { background: #ffd; }
td.worse { color: #b00; } td.better { color: #070; }
.verdict { padding: .5rem .8rem; border-left: .3rem solid #2a2; } .verdict ul { margin: .3rem 0; padding-left: 1.2rem; }
.verdict.failed { border-color: #c22; } .verdict.noisy, .verdict.skipped { border-color: #cb0; }
img { max-width: 100%; height: auto; } details { margin: .8rem 0; } summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .8rem; font-size: 13px; }
dt { font-weight: 600; } dd { margin: 0; }
figure { margin: 0; } figure img { width: 100%; } figcaption { font-size: .85rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .5rem; }
.first { display: flex; gap: .5rem; margin: 1rem 0; } .first figure { flex: 0 1 200px; }
svg.view { display: block; width: 100%; } .view + .view { margin-top: .25rem; } svg.sheet { position: absolute; }
details .pictures { margin: .5rem 0; }
@media (max-width: 45rem) {
  table, tbody, tr, td { display: block; } thead { display: none; } dl { grid-template-columns: 1fr; }
  tr { border: 1px solid #ccc; margin: .6rem 0; padding: .2rem .5rem; }
  td, td.n { border: 0; padding: .1rem 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
  td::before { content: attr(data-label) ": "; color: #555; } td:first-child { font-weight: 600; }
  td:empty, td:first-child::before { display: none; } td.prose { min-width: 0; }
}
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page; *parts* are HTML, *title* is text."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_CSS}</style></head><body>"
    )
    return "\n".join([head, *parts, "</body></html>"]) + "\n"


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{html.escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{html.escape(text)}</p>"


def listed(lines: Iterable[str]) -> str:
    """A list; nothing for no *lines*."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def verdict(status: str, headline: str, lines: Iterable[str] = ()) -> str:
    """The verdict on the whole, which stands first: *status* is such as ``failed``."""
    return f'<div class="verdict {status}"><strong>{html.escape(headline)}</strong>{listed(lines)}</div>'


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """What words and columns of the page mean, each once."""
    rows = "".join(f"<dt>{html.escape(word)}</dt><dd>{html.escape(text)}</dd>" for word, text in entries)
    return f'{heading("Legend")}<dl class="legend">{rows}</dl>'


def table(found: TextTable) -> str:
    """A table below its heading."""
    return heading(found.title) + _table(found)


def folded(found: TextTable) -> str:
    """A table that is not seen until it is asked for."""
    return closed(f"{found.title} ({len(found.rows)})", [_table(found)])


def closed(head: str, parts: Iterable[str]) -> str:
    """What is not seen until it is asked for: *head* is text, *parts* are HTML."""
    return f"<details><summary>{html.escape(head)}</summary>{''.join(parts)}</details>"


def image(alt: str, data: bytes, kind: str) -> str:
    """A picture inside the page; *kind* is ``jpeg`` or ``png``."""
    return f'<img alt="{html.escape(alt)}" src="{_inside(data, kind)}">'


def picture(alt: str, path: Path) -> str:
    """The picture at *path*, a JPEG or a PNG, inside the page."""
    return f"<p>{image(alt, path.read_bytes(), 'png' if path.suffix == '.png' else 'jpeg')}</p>"


def sheet(path: Path, width: int, height: int) -> str:
    """The JPEG at *path*, of *width* by *height* pixels, inside the page and not seen: figures show parts of it."""
    source = _inside(path.read_bytes(), "jpeg")
    pixels = f'<image id="sheet" width="{width}" height="{height}" href="{source}"/>'
    return f'<svg class="sheet" width="0" height="0" aria-hidden="true"><defs>{pixels}</defs></svg>'


def figure(places: Sequence[Place]) -> str:
    """The images at *places* of the page's :func:`sheet`, one below the other, with their captions below them."""
    captions = [html.escape(" ".join(place.caption.split())) for place in places]
    views = "".join(
        f'<svg class="view" role="img" aria-label="{caption}" '
        f'viewBox="{place.left} {place.top} {place.width} {place.height}"><use href="#sheet"/></svg>'
        for place, caption in zip(places, captions, strict=True)
    )
    return f"<figure>{views}<figcaption>{'<br>'.join(captions)}</figcaption></figure>"


def figures(kind: str, parts: Iterable[str]) -> str:
    """Figures side by side, as many as there is room for; *kind* is ``first`` or ``pictures``."""
    return f'<div class="{kind}">{"".join(parts)}</div>'


def _inside(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _table(found: TextTable) -> str:
    kinds = [_kind([row[column] for row in found.rows]) for column in range(len(found.header))]
    kinds[:1] = [""]  # what a row is of stands to the left, whatever it is called
    kinds = ["why" if title == _WHY else kind for title, kind in zip(found.header, kinds, strict=True)]
    repeated = _repeated([row[i] for row in found.rows for i, kind in enumerate(kinds) if kind == _WHY])
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in found.header)
    body = "".join(_row(found.header, row, kinds, repeated) for row in found.rows)
    notes = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in repeated)
    below = f'<ol class="notes">{notes}</ol>' if notes else ""
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{below}'


def _row(header: Sequence[str], row: Sequence[str], kinds: Sequence[str], repeated: Sequence[str]) -> str:
    status = _status(header, row)
    cells = []
    for label, cell, kind in zip(header, row, kinds, strict=True):
        prose = "prose" if kind == _WHY and len(_left(cell, repeated)) > _LONG else "" if kind == _WHY else kind
        classes = " ".join(filter(None, [prose, cell.lower() if cell in _COLORED else ""]))
        marked = f' class="{classes}"' if classes else ""
        text = _marked(cell, repeated) if kind == _WHY else html.escape(cell)
        cells.append(f'<td{marked} data-label="{html.escape(label)}">{text}</td>')
    return f'<tr class="{status}">{"".join(cells)}</tr>' if status else f"<tr>{''.join(cells)}</tr>"


def _status(header: Sequence[str], row: Sequence[str]) -> str:
    """What colours the whole of a row: its own status where it has one, not a measure that is missing beside it."""
    own = [cell for title, cell in zip(header, row, strict=True) if title in _STATUS_COLUMNS]
    return next((word.lower() for word in ("FAILED", "SKIPPED", "NOISY") if word in (own or row)), "")


def _kind(column: Sequence[str]) -> str:
    """How a column is set: numbers to the right, prose to the left with room, words to the left."""
    filled = [cell for cell in column if cell]
    if filled and all(_NUMBER.fullmatch(cell) for cell in filled):
        return "n"
    return "prose" if any(len(cell) > _LONG for cell in filled) else ""


def _repeated(cells: Sequence[str]) -> list[str]:
    """Sentences that stand in more than one of *cells*, in the order in which they come; what only whole, whole."""
    wholes = Counter(filter(None, cells))
    found = [cell for cell, count in wholes.items() if count > 1 and len(cell) > _SHORT]
    counts = Counter(sentence for cell in wholes if cell not in found for sentence in dict.fromkeys(cell.split("; ")))
    return [*found, *(sentence for sentence, count in counts.items() if count > 1 and len(sentence) > _SHORT)]


def _parts(cell: str, repeated: Sequence[str]) -> list[str]:
    return [cell] if cell in repeated else cell.split("; ")


def _left(cell: str, repeated: Sequence[str]) -> str:
    """What of *cell* stands in no other."""
    return "; ".join(part for part in _parts(cell, repeated) if part not in repeated)


def _marked(cell: str, repeated: Sequence[str]) -> str:
    """*cell* with the number of its note for each sentence that is repeated."""
    marks = [f"<sup>{repeated.index(part) + 1}</sup>" for part in _parts(cell, repeated) if part in repeated]
    return f"{html.escape(_left(cell, repeated))}{''.join(marks)}"
