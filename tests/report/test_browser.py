"""Pages in a real browser, read back: nothing scrolls sideways, prose stands to the left, nothing is said twice."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.diff import diff
from export_pipeline.diff.page import page as diff_page
from export_pipeline.report import read_release, read_report
from export_pipeline.report.render import page as report_page
from export_pipeline.sweep.page import page as sweep_page
from export_pipeline.targets import TARGETS
from tests.builds import COMMITTED, ROOT
from tests.report.test_sheet import FILES, HEAD, blocks, saved
from tests.report.test_verdict import with_rows

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SCREENSHOT = ROOT / "artifacts" / "sheets" / "report.jpg"
# Widths of a phone and of a desk.
NARROW, WIDE = 420, 1280
HEIGHT = 1400
SIZE = 640, 480  # of the images of a report, height and width
# Written into the copy of a page that is opened: what the browser made of it, as JSON for the title of the frame.
_PROBE = """<script>
const wide = e => e.scrollWidth > e.clientWidth + 1;
const text = e => getComputedStyle(e).textAlign;
parent.postMessage(JSON.stringify({
  page: document.documentElement.scrollWidth, window: innerWidth,
  tables: [...document.querySelectorAll(".scroll")].filter(wide).length,
  prose: [...document.querySelectorAll("td.prose, li, p, dd")].map(text),
  numbers: [...document.querySelectorAll("td.n")].map(text),
  legends: document.querySelectorAll("dl.legend").length,
  first: document.querySelector("h1").nextElementSibling.innerText,
  open: document.querySelectorAll("details[open]").length,
  folded: [...document.querySelectorAll("details > summary")].map(e => e.innerText),
  sentences: [...document.querySelectorAll("td, li, p, dd")].map(e => e.textContent),
  images: [...document.images].map(e => e.naturalWidth),
  views: [...document.querySelectorAll("svg.view")].filter(e => !e.closest("details"))
    .map(e => e.getBoundingClientRect()).map(box => [box.width, box.height]),
  cut: wide(document.querySelector(".scroll")),
}), "*");
</script>"""
_FRAME = """<!doctype html><title>nothing came</title><body style="margin:0">
<script>onmessage = e => {{ document.title = e.data; }};</script>
<iframe src="page.html" style="border:0;width:{width}px;height:{height}px"></iframe></body>"""


@cache
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"SKIPPED: no headless browser here; one of {', '.join(BROWSERS)} is needed")
    return found


def opened(page: str, width: int, folder: Path, *flags: str) -> str:
    """What the browser prints of *page* in a frame *width* pixels wide; *flags* say what it does with it.

    A frame, for a window of Chromium is no narrower than 500 pixels.
    """
    (folder / "page.html").write_text(page.replace("</body>", f"{_PROBE}</body>"), encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(_FRAME.format(width=width, height=HEIGHT), encoding="utf-8")
    quiet = [
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-sync",
        "--no-first-run",
    ]
    own = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}"]
    window = [f"--window-size={max(width, 500)},{HEIGHT}", "--virtual-time-budget=5000"]
    command = [browser(), *own, *quiet, *window, *flags, frame.as_uri()]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def seen(page: str, width: int, folder: Path) -> dict[str, Any]:
    """What the browser makes of *page*."""
    (title,) = re.findall(r"<title>(.*?)</title>", opened(page, width, folder, "--dump-dom"), re.DOTALL)
    assert title != "nothing came", "the page's script told nothing within the virtual time budget"
    found: dict[str, Any] = json.loads(html.unescape(title))
    return found


@cache
def report() -> str:
    return report_page(read_report(COMMITTED), COMMITTED / "picture.jpg")


@cache
def pictured() -> str:
    """A report with a picture that says where its images lie."""
    with tempfile.TemporaryDirectory() as folder:
        return report_page(read_report(COMMITTED), saved(Path(folder) / "picture.jpg", blocks(*SIZE)))


@cache
def failed_report() -> str:
    """One with a failed budget, and long reasons."""
    found = with_rows(())
    rows = tuple(row.model_copy(update={"status": "failed", "reason": "x" * 200}) for row in found.record.parity)
    return report_page(with_rows((), rows))


@cache
def difference() -> str:
    return diff_page(diff(read_release(ROOT / "artifacts" / "poppy_field_small"), read_release(COMMITTED)))


@cache
def sweep() -> str:
    from tests.sweep.test_pages import SWEPT, made

    return sweep_page(made(SWEPT), Path(), ())


PAGES = {"report": report, "pictured": pictured, "failed report": failed_report, "diff": difference, "sweep": sweep}


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_scroll_sideways(name: str, width: int, tmp_path: Path) -> None:
    found = seen(PAGES[name](), width, tmp_path)
    assert found["window"] == width
    assert found["page"] <= width
    if width == NARROW:
        assert not found["tables"], "a table scrolls in its box"
        assert set(found["numbers"]) <= {"left", "start"}  # cards
    else:
        assert set(found["numbers"]) <= {"right"}
    assert set(found["prose"]) <= {"left", "start"}
    assert found["legends"] == 1
    assert found["open"] == 0
    assert all(found["images"]), "a picture that is not drawn"


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_each_image_of_a_report_is_as_large_as_there_is_room_for(width: int, tmp_path: Path) -> None:
    found = seen(pictured(), width, tmp_path)
    views = found["views"]
    assert not found["cut"], "the verdict of a file is the last column of the first table"
    assert len(views) == HEAD + 2 * FILES  # those of the second photograph are folded
    for wide, high in views:
        assert 110 <= wide <= 200
        assert high == pytest.approx(wide * SIZE[0] / SIZE[1], rel=0.01)


def test_the_verdict_is_the_first_thing_and_kernels_are_folded(tmp_path: Path) -> None:
    found = seen(report(), NARROW, tmp_path)
    assert found["first"].startswith("PASSED")
    assert any(head.startswith("Convolution kernels") for head in found["folded"])
    assert any(head.startswith("Work by layer") for head in found["folded"])
    assert found["images"] or found["views"]


def test_the_screenshot_of_the_docs(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Taken anew by ``make golden``: the top of a report on a phone and on a desk, side by side."""
    shots = []
    for width in (NARROW, WIDE):
        file = tmp_path / f"{width}.png"
        opened(report(), width, tmp_path, f"--screenshot={file}")
        with Image.open(file) as shot:
            assert shot.height == HEIGHT, (browser(), shot.size)
            shots.append(shot.convert("RGB").crop((0, 0, width, HEIGHT)))
    assert all(len(set(shot.resize((64, 64)).getdata())) > 200 for shot in shots), "an empty page"
    both = Image.new("RGB", (NARROW + WIDE + 20, HEIGHT), "#888")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (NARROW + 20, 0))
    if request.config.getoption("--update-golden"):
        both.resize((both.width * 2 // 3, both.height * 2 // 3)).save(SCREENSHOT, quality=80)
    with Image.open(SCREENSHOT) as committed:
        assert committed.size == (both.width * 2 // 3, both.height * 2 // 3)
        # So small that other fonts do not matter, and another page does.
        seen_now, seen_then = (
            np.asarray(shot.convert("RGB").resize((32, 32)), np.float32) for shot in (both, committed)
        )
        assert np.abs(seen_now - seen_then).mean() < 4


def test_no_sentence_stands_twice(tmp_path: Path) -> None:
    """Operations that files have in common are no sentences, nor are the names of the files that one is of."""
    found = seen(report(), WIDE, tmp_path)
    parts = [part for text in found["sentences"] for part in re.split(r"; |: ", text)]
    sentences = [part for part in parts if len(part) > 40 and " " in part and not re.search(r"\w+ \d+, \w+ \d+", part)]
    sentences = [part for part in sentences if not set(part.split(", ")) <= set(TARGETS)]
    assert len(sentences) > 5
    assert not {sentence for sentence in sentences if sentences.count(sentence) > 1}
