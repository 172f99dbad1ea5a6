"""``schema``: printed, or written to a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export_pipeline.cli import main
from export_pipeline.recipe.schema import schema_text


@pytest.mark.parametrize("arguments", [(), ("recipe",), ("recipe", "--json")])
def test_it_prints_that_of_recipes(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *arguments]) == 0
    assert capsys.readouterr().out == schema_text("recipe")


def test_it_prints_that_of_distillations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "distill"]) == 0
    assert "phases" in json.loads(capsys.readouterr().out)["properties"]


def test_it_writes_a_file_and_tells_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "recipe.schema.json"
    assert main(["schema", "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text("utf-8") == schema_text("recipe")
    assert main(["schema", "--output", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"output": str(path)}


def test_an_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["schema", "report"])
    assert "'recipe', 'distill'" in capsys.readouterr().err
