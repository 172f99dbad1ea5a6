"""Texts, dictionaries and lists from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export_pipeline.errors import PipelineError
from export_pipeline.formats import open_model
from export_pipeline.formats.prediction import read_inputs
from tests.emulator.kinds.specs import base

KINDS = {"t": "string", "n": "int64", "d": "dictionary of string", "l": "list of int64"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    spec = base(KINDS, KINDS)
    spec.identity.SetInParent()
    found = tmp_path / "identity.mlmodel"
    found.write_bytes(spec.SerializeToString())
    return found


def _predicted(path: Path, *words: str) -> dict[str, Any]:
    runtime = open_model(path)
    return runtime.predict(read_inputs(runtime, words))


@pytest.mark.parametrize(("text", "wanted"), [("red", "red"), ('"red"', "red"), ("12", "12"), ("[1", "[1")])
def test_values_of_every_type(text: str, wanted: str, path: Path) -> None:
    found = _predicted(path, f"t={text}", "n=3", 'd={"a": 0.5}', "l=[1, 2]")
    assert found == {"t": wanted, "n": 3, "d": {"a": 0.5}, "l": [1, 2]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["t=a", "n=2.5", "d={}", "l=[]"], "input 'n' takes a whole number of 64 bits, not 2.5"),
        (["t=a", "n=2", "d=[1]", "l=[]"], "input 'd' takes a dictionary of numbers"),
        (["t=a", "n=2", "d={}", "l=3"], "input 'l' takes a list of texts, or one of whole numbers, not int"),
        (["t=a", "n=2", "d={}"], "also takes the input 'l'"),
    ],
)
def test_wrong_values_are_one_line(words: list[str], message: str, path: Path) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        _predicted(path, *words)
    assert "\n" not in str(caught.value)
