"""Plots, sheet and page of a sweep, drawn from made-up numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from export_pipeline.base.images import save_image
from export_pipeline.sweep.model import PointResult, Sweep, SweepBenchmark, SweepRecord, SweptPoint
from export_pipeline.sweep.picks import candidates, picks, reference
from export_pipeline.sweep.plots import draw_plots, worths
from export_pipeline.sweep.point import FLOAT_PICTURE, PHOTO, PICTURE
from export_pipeline.sweep.render import markdown, terminal
from export_pipeline.sweep.sheet import MOST_BYTES, draw_sheet
from tests.sweep.material import MACHINE, METRICS, measurement, metrics, point

POINTS = (
    (point(8, 800, 0.2), 10.0),
    (point(2, 300, 0.3), 5.0),
    (point(1, 200, 0.9, status="failed", reasons=("parity: 12.0 dB is below 30 dB",)), 5.0),
)
SWEPT = tuple(one for one, _ in POINTS)


def made(points: tuple[SweptPoint, ...]) -> Sweep:
    measured = measurement(POINTS)
    found = candidates(points, measured, METRICS)
    record = SweepRecord(
        name="tiny", recipe={}, settings={"compress.bits": (8, 2, 1)}, libraries={"numpy": "2"}, points=points
    )
    benchmark = SweepBenchmark(
        name="tiny",
        machine=MACHINE,
        latency=measured.rows.latency,
        memory=measured.rows.memory,
        yardsticks=measured.yardsticks,
        budgets={},
        tolerance=0.05,
        picks=picks(found, reference(points, METRICS), 0.05, METRICS),
    )
    return Sweep(record=record, benchmark=benchmark)


def test_the_page_has_a_row_for_every_file_and_says_what_failed() -> None:
    lost = SweptPoint(
        label="compress.bits=7",
        overrides={"compress.bits": 7},
        folder=".work/point-7",
        result=PointResult(status="lost", reason="its node was lost", height=64, width=64),
    )
    page = markdown(made((*SWEPT, lost)), ["sheet.jpg"])
    distances = " | ".join(["0.5000", *["0.2000"] * (len(METRICS) - 1)])
    assert f"| 8 | mlmodel-palettized | 1,600 | 800 | 100.0% | {distances} | 38.0 |" in page
    assert "| 2.00 | 100 | PASSED |" in page
    assert "| 1 | mlmodel-palettized | 400 | 200 |" in page
    assert "- compress.bits=1: failed: parity: 12.0 dB is below 30 dB" in page
    assert "- compress.bits=7: lost: its node was lost" in page
    assert "a processor, 2 cores" in page
    assert "numpy 2" in page
    assert "![sheet.jpg](sheet.jpg)" in page
    for part in ("smallest: compress.bits=8, mlmodel-palettized: the least of 1", "LOST", "FAILED"):
        assert part in terminal(made((*SWEPT, lost)))


def test_records_survive_json() -> None:
    sweep = made(SWEPT)
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep


def test_plots_are_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    found = candidates(SWEPT, measurement(POINTS), METRICS)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert draw_plots(tmp_path / name, "tiny", found, METRICS) == tuple(worths(METRICS))
    for name in worths(METRICS):
        first, second = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert first == second
        assert len(first) < MOST_BYTES


def test_plots_without_numbers_are_left_out(tmp_path: Path) -> None:
    points = ((point(8, 800, 0.2, **metrics(None, None), psnr=None), 10.0),)
    found = candidates([one for one, _ in points], measurement(points), METRICS)
    assert draw_plots(tmp_path, "tiny", found, METRICS) == ()
    assert not list(tmp_path.iterdir())


def test_the_sheet_stays_small_and_goes_from_most_to_fewest_bits(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    points = [point(bits, 100 * bits, 0.2) for bits in (1, 2, 3, 4, 5, 6, 7, 8)]
    for bits, one in enumerate(points, 1):
        folder = tmp_path / one.folder
        for name in (PHOTO, FLOAT_PICTURE, *((PICTURE,) if bits != 5 else ())):
            save_image(folder / name, random.integers(0, 256, (320, 240, 3), np.uint8))
        if bits == 8:  # the first after photo and float
            save_image(folder / PICTURE, np.full((320, 240, 3), (255, 0, 0), np.uint8))
    assert draw_sheet(tmp_path / "sheet.jpg", tmp_path, points)
    assert (tmp_path / "sheet.jpg").stat().st_size <= MOST_BYTES
    sheet = np.asarray(Image.open(tmp_path / "sheet.jpg").convert("RGB")).astype(int)
    red = (sheet[..., 0] > 200) & (sheet[..., 1:].max(-1) < 60)
    columns = np.flatnonzero(red.sum(0) > 40)
    assert 0.4 * sheet.shape[1] < columns.mean() < 0.6 * sheet.shape[1]


def test_no_sheet_of_points_that_drew_nothing(tmp_path: Path) -> None:
    assert not draw_sheet(tmp_path / "sheet.jpg", tmp_path, SWEPT)
    assert not list(tmp_path.iterdir())
