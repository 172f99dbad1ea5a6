"""What all verbs have in common. A new one is tested by standing in the list."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from export_pipeline import verbs
from export_pipeline.cli import main
from export_pipeline.verbs import NAMES, all_verbs
from export_pipeline.verbs.common import Verb
from tests.builds import ROOT

EVERY = pytest.mark.parametrize("verb", all_verbs(), ids=lambda verb: verb.name)
# Not even what recipes are read with: any command line imports every verb.
HEAVY = {"tensorflow", "tf_keras", "coremltools", "onnx", "onnxruntime", "numpy", "PIL", "pydantic"}


def test_a_verb_is_a_file_and_a_line_of_the_list() -> None:
    files = {path.stem for path in Path(verbs.__file__).parent.glob("*.py")}
    methods = {file for file in files for name in NAMES if file.startswith(f"{name}_")}
    assert sorted(NAMES) == sorted(files - methods - {"__init__", "common"})
    assert tuple(verb.name for verb in all_verbs()) == NAMES


@EVERY
def test_it_explains_itself(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb.name, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert verb.help in told
    for option in ("--json", "--debug"):
        assert option in told


@EVERY
def test_an_unknown_argument_is_refused_in_one_line(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    required = {
        "sign": ["--key", "k"],
        "plan": ["--bytes", "1"],
        "sweep": ["--set", "a=1"],
        "quantize": ["--bits", "4"],
    }
    words = {
        "list": [],
        "doctor": [],
        "schema": [],
        "completion": ["bash"],
        "diff": ["a", "b"],
        "device": ["import", "a"],
    }.get(verb.name, ["a"])
    styled = ["--style", "s", "--photographs", "p"] if verb.name == "compare" else []
    written = ["-o", "o"] if verb.name in ("stylize", "distill") else []
    with pytest.raises(SystemExit, match="2"):
        main([verb.name, *words, *required.get(verb.name, []), *styled, *written, "--no-such-option"])
    said = capsys.readouterr()
    assert not said.out
    assert "unrecognized arguments: --no-such-option" in said.err
    assert len(said.err.splitlines()) == 1


@EVERY
def test_it_says_whether_it_resumes(verb: Verb) -> None:
    assert verb.resumes(argparse.Namespace(what="some.toml")) in (True, False)


def test_reading_a_command_line_is_light() -> None:
    program = (
        "import json, sys; from export_pipeline.cli import parser; from export_pipeline.verbs import all_verbs; "
        "parser(all_verbs()); print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not set(json.loads(done.stdout)) & HEAVY
