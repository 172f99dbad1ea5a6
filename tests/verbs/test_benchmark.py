"""``benchmark`` on the files of a bundle."""

from __future__ import annotations

import json

import pytest

from export_pipeline.cli import main
from tests.verbs.material import MODELS


def test_benchmark_labels_what_it_measures(capsys: pytest.CaptureFixture[str]) -> None:
    tflite = [str(path) for path in MODELS if path.name.endswith("dynamic.tflite")]
    assert main(["benchmark", *tflite, "--threads", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["runs"] == 30
    assert row["threads"] == 1
    assert row["median_ms"] > 0
    assert row["runtime"] == "LiteRT"
