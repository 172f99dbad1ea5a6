"""``predict``: models that nobody here made, on inputs and outputs of every kind, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.cli import main
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.formats.prediction import summary
from export_pipeline.report.worker import latency
from export_pipeline.verbs.predict import prediction_text
from tests.emulator.mil import ct, mb

LABELS = ["cat", "dog", "fox", "owl", "ant", "bee"]
WEIGHT = np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32)
PIXELS = np.random.default_rng(1).integers(0, 256, (16, 12, 3), dtype=np.uint8)


def saved(model: Any, path: Path) -> Path:
    model.save(str(path))
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small image classifier of the shape of MobileNetV2: inverted bottleneck, global mean, softmax."""

    def network(x: Any) -> Any:
        wide = mb.relu6(x=mb.conv(x=x, weight=WEIGHT, strides=[2, 2], pad_type="same"))
        deep = mb.conv(x=wide, weight=WEIGHT[:, :1], groups=6, pad_type="same")
        mean = mb.reduce_mean(x=mb.add(x=wide, y=deep), axes=[2, 3], keep_dims=False)
        return mb.softmax(x=mean, axis=-1, name="p")

    with quiet():
        program = mb.program(input_specs=[mb.TensorSpec((1, 3, 16, 12))], opset_version=ct.target.iOS16)(network)
        model = ct.convert(
            program, minimum_deployment_target=ct.target.iOS16, classifier_config=ct.ClassifierConfig(LABELS),
            inputs=[ct.ImageType("x", shape=(1, 3, 16, 12), scale=1 / 127.5, bias=[-1, -1, -1])],
        )  # fmt: skip
    return saved(model, tmp_path_factory.mktemp("c") / "classifier.mlpackage")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network from an image and an array to an image and two arrays."""

    def network(image: Any, gain: Any) -> Any:
        lighter = mb.mul(x=image, y=mb.reduce_sum(x=gain, axes=[0], keep_dims=True), name="lighter")
        return lighter, mb.reduce_mean(x=image, axes=[2, 3], name="mean"), mb.log(x=gain, name="log")

    specs = [mb.TensorSpec((1, 3, 16, 12)), mb.TensorSpec((2,))]
    with quiet():
        program = mb.program(input_specs=specs, opset_version=ct.target.iOS16)(network)
        model = ct.convert(
            program, minimum_deployment_target=ct.target.iOS16, compute_precision=ct.precision.FLOAT32,
            inputs=[ct.ImageType("image", shape=(1, 3, 16, 12)), ct.TensorType("gain", shape=(2,))],
        )  # fmt: skip
        # The converter makes image outputs from TensorFlow and PyTorch only.
        spec = model.get_spec()
        spec.description.output[0].type.imageType.CopyFrom(spec.description.input[0].type.imageType)
        model = ct.models.MLModel(spec, weights_dir=model.weights_dir)
    return saved(model, tmp_path_factory.mktemp("t") / "two.mlpackage")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path)
    return path


def predicted(arguments: list[Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["predict", *map(str, arguments), "--json"]) == 0
    outputs: dict[str, Any] = json.loads(capsys.readouterr().out)["outputs"]
    return outputs


def test_a_classifier_gives_its_label_and_the_best_five(
    classifier: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = predicted([classifier, "--input", f"x={photo}"], capsys)
    assert [item["kind"] for item in found.values()] == ["value", "probabilities"]
    label, probabilities = found.values()
    best = probabilities["top"]
    assert len(best) == 5
    assert best[0]["label"] == label["value"]
    assert [b["probability"] for b in best] == sorted((b["probability"] for b in best), reverse=True)
    assert main(["predict", str(classifier), "--input", f"x={photo}"]) == 0
    assert f"{best[0]['probability']:.4f}  {label['value']}" in capsys.readouterr().out


def test_several_inputs_of_several_kinds(two: Path, photo: Path, tmp_path: Path, capsys: Any) -> None:
    np.save(tmp_path / "gain.npy", np.array([0.25, 0.25]))
    np.savez(tmp_path / "gain.npz", other=np.zeros(3), gain=np.array([0.25, 0.25]))
    (tmp_path / "gain.json").write_text("[0.25, 0.25]")
    out = tmp_path / "out"
    for value in ("[0.25, 0.25]", *(tmp_path / f"gain{suffix}" for suffix in (".npy", ".npz", ".json"))):
        found = predicted([two, "--input", f"image={photo}", "--input", f"gain={value}", "-o", out], capsys)
        assert found["lighter"]["file"] == str(out / "lighter.png")
        np.testing.assert_array_equal(np.asarray(Image.open(out / "lighter.png")), np.rint(PIXELS * 0.5))
        with np.load(out / "outputs.npz") as arrays:
            assert set(arrays) == {"mean", "log"}
            np.testing.assert_allclose(arrays["mean"].reshape(-1), PIXELS.mean(axis=(0, 1)), rtol=1e-5)
        (out / "lighter.png").unlink()


def test_what_is_not_finite_is_counted(two: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = predicted([two, "--input", f"image={photo}", "--input", "gain=[-1, 1]"], capsys)
    assert found["log"]["not_finite"] == 1
    assert found["log"]["least"] == pytest.approx(0)


def test_outputs_go_where_they_are_wanted(two: Path, photo: Path, tmp_path: Path, capsys: Any) -> None:
    inputs = [two, "--input", f"image={photo}", "--input", "gain=[1, 0]"]
    assert set(predicted([*inputs, "-o", tmp_path / "a.png"], capsys)["lighter"]) >= {"file"}
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), PIXELS)
    predicted([*inputs, "-o", tmp_path / "a.npz"], capsys)
    with np.load(tmp_path / "a.npz") as arrays:
        assert set(arrays) == {"mean", "log"}


def test_an_image_of_another_size_is_fitted_and_that_is_said(classifier: Path, tmp_path: Path, capsys: Any) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "large.png")
    assert main(["predict", str(classifier), "--input", f"x={tmp_path / 'large.png'}"]) == 0
    assert "40x40 resized and cropped to the model's 12x16" in capsys.readouterr().err


REFUSED = [
    (["image"], "not of the form NAME=VALUE"),
    (["imag=a.png"], "did you mean 'image'?"),
    (["image=[1]"], "takes an image file"),
    (["image={photo}"], "also takes the input 'gain' (tensor 2 float32)"),
    (["image={photo}", "image={photo}"], "given twice"),
    (["image={photo}", "gain=many"], "not an image, an .npy"),
    (["image={photo}", "gain=[[1], [1, 2]]"], "differ in length"),
    (["image={photo}", 'gain=["a"]'], "something other than numbers"),
    (["image={photo}", "gain=none.npy"], "cannot read none.npy"),
    (["image={photo}", "gain={photo}"], "holds no RGB image"),
    (["image={photo}", "gain={pickle}"], "no array file"),
    (["image={photo}", "gain=[1, 2, 3]"], "has shape (3,)"),
    (["image=missing.png", "gain=[1, 2]"], "missing.png"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_inputs_that_do_not_fit_are_refused(
    words: list[str], message: str, two: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    given = [word.format(photo=photo, pickle=tmp_path / "pickle.npy") for word in words]
    assert main(["predict", str(two), *(part for word in given for part in ("--input", word))]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) <= 2


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one input of integers."""
    with quiet():
        spec = mb.TensorSpec((2,), ct.converters.mil.mil.types.int32)
        program = mb.program(input_specs=[spec], opset_version=ct.target.iOS16)(lambda n: mb.add(x=n, y=1, name="y"))
        model = ct.convert(program, minimum_deployment_target=ct.target.iOS16)
    return saved(model, tmp_path_factory.mktemp("n") / "counts.mlpackage")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[1.5, 2]", "fractions"),
        ("[NaN, 2]", "NaN or infinity"),
        ("[3e9, 2]", "numbers outside of -2147483648..2147483647"),
        ("{complex}", "complex numbers"),
        ("{text}", "text"),
    ],
)
def test_values_that_an_input_cannot_hold_are_refused(
    value: str, words: str, counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"complex": tmp_path / "complex.npy", "text": tmp_path / "text.npy"}
    np.save(files["complex"], np.array([1j, 2]))
    np.save(files["text"], np.array(["1", "2"]))
    assert main(["predict", str(counts), "--input", f"n={value.format(**files)}"]) == 2
    assert f"input 'n' takes numbers of type int32; this value holds {words}" in capsys.readouterr().err
    assert main(["predict", str(counts), "--input", "n=[1.0, 2]"]) == 0


@pytest.mark.parametrize("out", ["out.txt", "folder.png/x.doc"])
def test_outputs_of_no_known_kind_are_refused(out: str, two: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["predict", str(two), "-o", str(tmp_path / out)]) == 2
    assert "unknown kind of output" in capsys.readouterr().err


def test_functions_and_precisions_are_chosen(classifier: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = ["predict", str(classifier), "--input", f"x={photo}"]
    assert main([*inputs, "--compute", "float32", "--function", "main", "--threads", "1"]) == 0
    capsys.readouterr()
    assert main([*inputs, "--compute", "float12"]) == 2
    assert "allowed: as_written, float32" in capsys.readouterr().err
    assert main([*inputs, "--function", "other"]) == 2
    assert "its functions: main" in capsys.readouterr().err


def test_any_core_ml_model_is_inspected_and_timed(classifier: Path, two: Path, capsys: Any) -> None:
    assert main(["inspect", str(classifier), str(two), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert [port["kind"] for port in first["outputs"]] == ["value", "value"]
    assert first["program"]["bodies"][0]["steps"][0]["kind"]
    assert [port["kind"] for port in second["inputs"]] == ["image", "tensor"]
    paths = [str(classifier), str(two)]
    answers = latency({"paths": paths, "runs": 2, "threads": 1, "height": 256, "width": 256}, lambda done: None)
    assert [len(answers[path]["seconds"]) for path in paths] == [2, 2]
    assert [(answers[path]["height"], answers[path]["width"]) for path in paths] == [(16, 12), (16, 12)]


def test_stylize_says_which_verb_takes_other_networks(
    classifier: Path, photo: Path, tmp_path: Path, capsys: Any
) -> None:
    Image.fromarray(PIXELS).resize((16, 16)).save(photo)
    assert main(["stylize", str(classifier), str(photo), "-o", str(tmp_path / "out.png")]) == 2
    said = capsys.readouterr().err
    assert "is no network from one RGB image" in said
    assert "predict" in said


def test_labels_names_and_texts_of_a_model_do_not_command_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\r\n"
    outputs = {f"p{evil}": {evil + "x" * 200: 0.9}, f"label{evil}": evil + "y" * 200}
    lines = prediction_text(summary(outputs, {})).split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() and len(line) < 200 for line in lines)
    assert r"\x1b]0;owned\x07\r\n" in lines[1]


def test_errors_do_not_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "a\x1b[2J.onnx")]) == 2
    assert r"a\x1b[2J.onnx" in capsys.readouterr().err
