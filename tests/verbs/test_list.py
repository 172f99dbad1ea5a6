"""``list``: what recipes and commands can name."""

from __future__ import annotations

import json

import pytest

from export_pipeline.cli import main


def test_list_names_networks_targets_and_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["networks"] == ["johnson", "small", "subpixel", "adain_subpixel", "unet"]
    assert "demo" in found["recipes"]
    assert "mlpackage-int8" in found["targets"]
