"""``inspect`` on the files of a bundle; what it shows of containers and of foreign models is tested with its work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export_pipeline.cli import main
from tests.verbs.material import MODELS


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_inspect_shows_each_format(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["signature"]["input_name"] == "image"
    assert found["contents"]["parameters"] >= 11_868
    assert main(["inspect", str(model)]) == 0
    assert model.name in capsys.readouterr().out
