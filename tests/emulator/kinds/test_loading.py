"""Reading a Core ML file loads what that file needs and no more: seconds on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator.kinds.seeds import kinds_with_values
from tests.emulator.kinds.specs import base
from tests.imports import ROOT

FRAMEWORKS = {"tensorflow", "tf_keras", "keras", "torch", "sklearn", "pandas", "xgboost"}
SECONDS = 2.0  # of the processor, for a whole call of a verb
_RUN = (
    "import json, sys, time; start = time.process_time(); from export_pipeline.cli import main; "
    "code = main(sys.argv[1:]); took = time.process_time() - start; "
    "print(json.dumps([code, took, sorted({name.split('.')[0] for name in sys.modules})]))"
)


def _loaded(*words: str) -> set[str]:
    """What a verb loads in a fresh process."""
    command = [sys.executable, "-c", _RUN, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    code, took, names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    assert took < SECONDS
    return set(names)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    spec = base({"x": (2,)}, {"y": (2,)})
    spec.neuralNetwork.layers.add(name="twice", input=["x"], output=["y"]).activation.linear.alpha = 2
    path = tmp_path / "network.mlmodel"
    path.write_bytes(spec.SerializeToString())
    return path


@pytest.mark.parametrize("words", [["inspect"], ["predict", "--input", "x=[1, 2]"]], ids=["inspect", "predict"])
def test_a_network_needs_nothing_of_coremltools_but_its_protobufs(words: list[str], network: Path) -> None:
    names = _loaded(words[0], str(network), *words[1:])
    assert not names & {*FRAMEWORKS, "coremltools", "scipy", "sympy"}


def test_a_linear_model_neither(tmp_path: Path) -> None:
    path = tmp_path / "linear.mlmodel"
    path.write_bytes(kinds_with_values()[0][0].SerializeToString())
    assert not _loaded("predict", str(path), "--input", "x=[1, 2]") & {*FRAMEWORKS, "coremltools", "scipy", "sympy"}


@pytest.mark.parametrize("verb", ["inspect", "predict"])
def test_a_program_needs_coremltools_without_what_it_converts_from(verb: str) -> None:
    bundle = ROOT / "artifacts" / "starry_night_small"
    model, photo = bundle / "starry_night_small-int8.mlpackage", bundle / "golden" / "photo.png"
    names = _loaded(verb, str(model), *(["--input", f"image={photo}"] if verb == "predict" else []))
    assert "coremltools" in names
    assert not names & FRAMEWORKS


def test_from_python_coremltools_converts_as_ever() -> None:
    """Only verbs that read leave the frameworks out: a script may convert after it has run a model."""
    program = (
        "import sys; from export_pipeline.base.reading import only_reads; "
        "from export_pipeline.emulator import CoreMLModel, install; "
        "from export_pipeline.emulator.coremltools_quietly import model_proto; "
        "early = model_proto().Model; install(); import coremltools; "
        "assert not only_reads() and coremltools.proto.Model_pb2.Model is early; "
        "from coremltools._deps import _HAS_TF_2; print(_HAS_TF_2)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "True"
