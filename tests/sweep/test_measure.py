"""What a sweep keeps of its measurements, so that they are not made twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export_pipeline.errors import ModelError
from export_pipeline.recipe import Recipe
from export_pipeline.report import LatencyResult, MemoryResult
from export_pipeline.sweep import measure
from export_pipeline.sweep.measure import Measurement, Meter
from tests.sweep.material import point

POINT = point(8, 800, 0.2)
FILES = [f"{POINT.folder}/{name}" for name in ("float.keras", "export/a.mlmodel")]


class Machine:
    """Measures files, or cannot; counts how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.works, self.asked = True, 0
        monkeypatch.setattr(measure, "peak_memory", self.memory)
        monkeypatch.setattr(measure, "measure", self.latency)

    def memory(self, path: Path, size: tuple[int, int]) -> MemoryResult:
        self.asked += 1
        if not self.works:
            raise ModelError("its process was killed")
        return MemoryResult(file=path.name, runtime="r", peak_bytes=10**8, imported_bytes=10**7)

    def latency(self, paths: list[str], runs: int, *_: Any, **__: Any) -> tuple[list[LatencyResult], dict[str, str]]:
        self.asked += 1
        about = {"runtime": "r", "version": "1", "processor": "p", "height": 64, "width": 64, "runs": runs}
        times = {"threads": 1, "median_ms": 2.0, "iqr_ms": 0.5, "fps": 500.0}
        able = paths if self.works else paths[:1]
        rows = [LatencyResult.model_validate({"file": Path(path).name, **about, **times}) for path in able]
        return rows, dict.fromkeys(paths[len(able) :], "it could not be run")


def measured(folder: Path) -> Measurement:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    meter = Meter(folder, folder / ".work", 30, 2, lambda line: None)
    return meter.measured([POINT], {POINT.label: Recipe.parse({"export": {"targets": ["onnx-fp32"]}})})


def test_what_was_measured_is_kept_and_what_failed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch)
    machine.works = False
    failed = measured(tmp_path)
    assert set(failed.rows.skipped) == set(FILES)
    assert machine.asked == 3
    machine.works = True
    found = measured(tmp_path)
    assert machine.asked == 6
    assert not found.rows.skipped
    assert [row.file for row in found.rows.latency] == [row.file for row in found.rows.memory] == FILES
    assert measured(tmp_path) == found
    assert machine.asked == 6
