"""A network of the user's own: what is read of it, its samples, its metric, and what is refused at the door."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.errors import PipelineError, RecipeError, UsageError
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.parity import Parity
from tests import strangers

TINY = {"task": "parity", "export": {"targets": ["onnx-fp32"], "calibration_images": 3}}


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Networks, samples and a metric beside a recipe."""
    return Path(shutil.copytree(made, tmp_path / "own"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tf_keras as keras

    path = tmp_path_factory.mktemp("own")
    keras.utils.set_random_seed(0)
    one, code = keras.Input((3,), name="one"), keras.Input((2,), dtype="int32", name="code")
    joined = keras.layers.Concatenate()([one, keras.layers.Flatten()(keras.layers.Embedding(9, 2)(code))])
    keras.Model([one, code], keras.layers.Dense(2, name="sum")(joined)).save(path / "two.keras")
    image = keras.Input((None, None, 3), name="image")
    keras.Model(image, keras.layers.Conv2D(1, 2, 2, name="map")(image)).save(path / "image.keras")
    (path / "photos").mkdir()
    for index in range(5):
        Image.fromarray(np.full((10, 14, 3), (255, 40 * index, 0), np.uint8)).save(path / "photos" / f"{index}.png")
    random = np.random.default_rng(0)
    rows, codes = random.normal(size=(6, 3)).astype(np.float32), random.integers(0, 9, (6, 2))
    np.savez(path / "rows.npz", one=rows, code=codes, label=np.arange(6))
    np.savez(path / "floats.npz", one=rows, code=codes + 0.5)
    np.savez(path / "short.npz", one=rows[:4], code=codes)
    np.savez(path / "alone.npz", one=rows)
    (path / f"{METRICS}.py").write_text(METRICS_TEXT)
    return path


METRICS = "metrics_of_a_test"
METRICS_TEXT = """
import numpy as np

def error(outputs, truth, inputs, reference):
    assert set(outputs) == set(reference) == {"sum"} and set(inputs) == {"one", "code"}
    return np.abs(outputs["sum"] - truth["label"]).mean()

def nothing(outputs): return float("nan")
def text(outputs): return "good"
def raises(outputs): raise KeyError("label")
def foreign(outputs, labels): return 0.0
def infinite_of_zeros(outputs): return 1 / float(np.abs(outputs["sum"]).max())
number = 3
"""


def opened(folder: Path, **tables: Any) -> Parity:
    task = open_task(Recipe.parse({**TINY, **tables}, folder=folder))
    assert isinstance(task, Parity)
    return task


def test_a_network_is_described_in_its_own_words(folder: Path) -> None:
    task = opened(folder, model={"file": "two.keras"}, verify={"samples": "rows.npz", "hold_out": 2})
    ports = {port.name: (port.shape, port.dtype) for port in (*task.signature.inputs, *task.signature.outputs)}
    assert ports == {"one": ((1, 3), "float32"), "code": ((1, 2), "int32"), "sum": ((1, 2), "float32")}
    renamed = opened(
        folder,
        model={"file": "two.keras", "inputs": ["x", "token"], "outputs": ["y"], "ranges": {"token": [0, 8]}},
    )
    assert [port.name for port in (*renamed.signature.inputs, *renamed.signature.outputs)] == ["x", "token", "y"]


def test_samples_of_an_npz_are_its_rows_and_what_is_no_input_is_the_truth(folder: Path) -> None:
    task = opened(folder, model={"file": "two.keras"}, verify={"samples": "rows.npz", "hold_out": 2})
    with np.load(folder / "rows.npz") as arrays:
        sample = task.validation()[0]
        assert list(sample.inputs) == ["one", "code"]
        np.testing.assert_array_equal(sample.inputs["code"], arrays["code"][4])
        assert sample.inputs["code"].dtype == np.int32
        assert sample.truth["label"] == 4
        assert len(task.validation()) == 2
        trained = [inputs["one"] for inputs in task.calibration()]
        assert len(trained) == 3
        assert not any(np.array_equal(one, held) for one in trained for held in arrays["one"][4:])
    assert task.infer(task.network.model, sample.inputs)["sum"].shape == (2,)


@pytest.mark.parametrize(
    ("pixels", "scaled", "white"), [([0, 255], False, 255), ([-1, 1], False, 1.0), ([-1, 1], True, 255)]
)
def test_images_become_what_the_network_takes(folder: Path, pixels: list[float], scaled: bool, white: float) -> None:
    model = {"file": "image.keras", "pixels": pixels, "scale_pixels": scaled}
    task = opened(
        folder,
        model=model,
        verify={"samples": "photos", "hold_out": 2},
        export={**TINY["export"], "height": 10, "width": 14},  # type: ignore[dict-item]
    )
    sample = task.validation()[0]
    image = sample.inputs["image"]
    assert image.shape == (10, 14, 3)
    assert image[..., 0].max() == white
    assert (task.signature.inputs[0].color == "RGB") == (image.dtype == np.uint8) == (white == 255)
    # Whatever the files take, the network sees the same.
    seen = 2.0 if pixels == [-1, 1] else 255.0
    low = pixels[0]
    own = low + np.asarray(Image.open(folder / "photos" / "3.png"), np.float32)[None] / 255 * seen
    wanted = task.read(own).numpy()[0]
    np.testing.assert_allclose(task.infer(task.network.model, sample.inputs)["map"], wanted, rtol=1e-4, atol=1e-5)
    assert task.recipe.export.height == 10


def test_random_samples_are_in_their_ranges_and_the_same_each_time(folder: Path) -> None:
    model = {"file": "two.keras", "ranges": {"code": [2, 3]}}
    task = opened(folder, model=model, verify={"images": 2})
    assert len(task.validation()) == 2
    assert len(task.calibration()) == 3
    assert {int(code) for inputs in task.calibration() for code in inputs["code"]} == {2, 3}
    again = opened(folder, model=model, verify={"images": 2})
    np.testing.assert_array_equal(task.validation()[0].inputs["one"], again.validation()[0].inputs["one"])


def test_random_ranges_of_full_integer_files_are_warned_of(folder: Path) -> None:
    model = {"file": "two.keras", "ranges": {"code": [0, 8]}}
    with pytest.warns(UserWarning, match="tflite-int8 is calibrated on random numbers"):
        opened(folder, model=model, export={"targets": ["tflite-int8"]})


def test_outputs_are_measured_against_the_file_and_by_a_metric_of_the_users_own(folder: Path) -> None:
    verify = {"samples": "rows.npz", "hold_out": 2, "metric": f"{METRICS}:error", "better": "lower"}
    task = opened(folder, model={"file": "two.keras"}, verify=verify)
    assert [(metric.name, bool(metric.without)) for metric in task.metrics] == [("deviation", True), ("error", True)]
    sample = task.validation()[0]
    measure, outputs = task.evaluator().of(sample), task.infer(task.network.model, sample.inputs)
    own = measure.measure(outputs)
    assert own["deviation"] == 0
    assert own["error"] == pytest.approx(np.abs(outputs["sum"] - 4).mean())
    assert measure.baseline() == {"deviation": 1.0, "error": 4.0}
    assert measure.measure({"sum": 1.5 * outputs["sum"]})["deviation"] == pytest.approx(0.5)
    assert np.isnan(list(measure.measure({"sum": outputs["sum"] * np.nan}).values())).all()


def test_a_metric_may_have_no_baseline(folder: Path) -> None:
    verify = {"samples": "rows.npz", "metric": f"{METRICS}:infinite_of_zeros", "better": "lower"}
    with pytest.raises(RecipeError, match="failed on zeros: ZeroDivisionError"):
        opened(folder, model={"file": "two.keras"}, verify=verify)
    task = opened(folder, model={"file": "two.keras"}, verify={**verify, "baseline": "none"})
    assert not task.metrics[1].without
    baseline = task.evaluator().of(task.validation()[0]).baseline()
    assert baseline["deviation"] == 1
    assert np.isnan(baseline["infinite_of_zeros"])


BAD_METRICS = {
    "absent_module:error": "the module 'absent_module' cannot be imported: ModuleNotFoundError",
    f"{METRICS}:absent": "has no function 'absent'",
    f"{METRICS}:number": "has no function 'number'",
    f"{METRICS}:foreign": "takes outputs, labels; it may take outputs, reference, truth, inputs",
    f"{METRICS}:nothing": "gave 'nan' for what the network gives; it must give one finite number",
    f"{METRICS}:text": "gave 'good' for what the network gives",
    f"{METRICS}:raises": "failed on what the network gives: KeyError: 'label'",
}


@pytest.mark.parametrize("metric", BAD_METRICS)
def test_a_metric_that_does_not_work_is_refused_at_the_door(folder: Path, metric: str) -> None:
    verify = {"samples": "rows.npz", "metric": metric, "better": "lower"}
    with pytest.raises(RecipeError, match=BAD_METRICS[metric].replace("(", r"\(")):
        opened(folder, model={"file": "two.keras"}, verify=verify)
    assert str(folder.resolve()) not in sys.path


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({}, "model.file is missing"),
    "missing": ({"model": {"file": "nix.keras"}}, "there is no network at .*nix.keras"),
    "training": ({"model": {"file": "two.keras"}, "train": {"steps": 5}}, r"no objective.*\[train\] needs one"),
    "pruning": (
        {"model": {"file": "two.keras"}, "compress": {"schedule": "constant", "steps": 100}},
        "compress.schedule needs one",
    ),
    "trained tables": (
        {"model": {"file": "two.keras"}, "compress": {"bits": 4, "cluster": {"steps": 5}}},
        "compress.cluster.steps needs one",
    ),
    "fisher": (
        {"model": {"file": "two.keras"}, "compress": {"bits": 4, "cluster": {"sensitivity": "fisher"}}},
        "fisher' needs one",
    ),
    "no range": ({"model": {"file": "two.keras"}}, "model.ranges has nothing for the input code"),
    "unknown range": (
        {"model": {"file": "two.keras", "ranges": {"cod": [0, 1]}}},
        "'cod', which is no input; did you mean 'code'",
    ),
    "empty range": ({"model": {"file": "two.keras", "ranges": {"code": [1, 1]}}}, "the least first"),
    "pixels of none": ({"model": {"file": "two.keras", "pixels": [0, 1]}}, "no input takes images, only one 3, code 2"),
    "pixels missing": ({"model": {"file": "image.keras"}}, "model.pixels is missing: the input image takes images"),
    "scaled already": (
        {"model": {"file": "image.keras", "pixels": [0, 255], "scale_pixels": True}},
        "scale_pixels has no effect",
    ),
    "too small": (
        {"model": {"file": "image.keras", "pixels": [0, 1]}, "export": {"height": 1, "targets": ["onnx-fp32"]}},
        "does not take 1x256x3",
    ),
    "names": ({"model": {"file": "two.keras", "outputs": ["a", "b"]}}, "has 2 names; the network has 1 outputs: sum"),
    "odd name": ({"model": {"file": "two.keras", "outputs": ["a b"]}}, "'a b' is no name for a port"),
    "same names": (
        {"model": {"file": "two.keras", "outputs": ["one"]}},
        "an input and an output called one; rename one with model.outputs",
    ),
    "no samples": (
        {"model": {"file": "two.keras"}, "verify": {"samples": "nix"}},
        "verify.samples is 'nix': no folder and no .npz",
    ),
    "images for two": (
        {"model": {"file": "two.keras"}, "verify": {"samples": "photos"}},
        "this one takes one 3, code 2. Name an .npz",
    ),
    "an input short": ({"model": {"file": "two.keras"}, "verify": {"samples": "alone.npz"}}, "has none for code"),
    "rows short": (
        {"model": {"file": "two.keras"}, "verify": {"samples": "short.npz"}},
        "as many rows each.*one has 4, code has 6",
    ),
    "halves for whole": (
        {"model": {"file": "two.keras"}, "verify": {"samples": "floats.npz"}},
        "must hold int32 numbers",
    ),
    "all held out": (
        {"model": {"file": "two.keras"}, "verify": {"samples": "rows.npz", "hold_out": 6}},
        "hold_out is 6 of 6 samples",
    ),
    "a metric without side": (
        {"model": {"file": "two.keras"}, "verify": {"metric": "a:b"}},
        "better is missing; say whether 'lower' or 'higher'",
    ),
    "a side without metric": (
        {"model": {"file": "two.keras"}, "verify": {"better": "lower"}},
        "no effect without metric",
    ),
    "no metric's name": (
        {"model": {"file": "two.keras"}, "verify": {"metric": "nix", "better": "lower"}},
        "it must be package.module:function",
    ),
    "a budget's name": (
        {"model": {"file": "two.keras"}, "verify": {"metric": "a:ssim", "better": "lower"}},
        "is called ssim, as a budget is",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_and_said(folder: Path, case: str) -> None:
    tables, message = BAD[case]
    with pytest.raises(PipelineError, match=message):
        opened(folder, **tables)


def test_a_size_must_be_the_networks_or_be_given(folder: Path) -> None:
    model = {"file": str(strangers.keras2("lstm", ".h5"))}
    with pytest.raises(RecipeError, match=r"series \(None, None, 5\) leaves axis 1 open; give export.length"):
        opened(folder, model=model)
    export = {**TINY["export"], "length": 7}  # type: ignore[dict-item]
    assert opened(folder, model=model, export=export).signature.inputs[0].shape == (1, 7, 5)
    model = {"file": str(strangers.keras2("nested", ".h5")), "pixels": [0, 255]}
    with pytest.raises(RecipeError, match=r"export\.height is 32; the network takes 16 at the input image"):
        opened(folder, model=model, export={**TINY["export"], "height": 32})  # type: ignore[dict-item]


def test_compression_is_looked_at_before_anything_is_made(folder: Path) -> None:
    from export_pipeline.stage_adapters import checked_task

    recipe = {**TINY, "model": {"file": "two.keras", "ranges": {"code": [0, 8]}}, "compress": {"bits": 4}}
    with pytest.raises(RecipeError, match="the network has no two-dimensional convolution"):
        checked_task(Recipe.parse(recipe, folder=folder))


def test_nothing_is_trained(folder: Path) -> None:
    task = opened(folder, model={"file": "two.keras", "ranges": {"code": [0, 8]}})
    for act in (task.objective, lambda: task.batches(0, 1)):
        with pytest.raises(UsageError, match="has no objective"):
            act()


def test_targets_for_zeros_and_tables_are_for_networks_that_come_with_them() -> None:
    recipe = Recipe.parse({**TINY, "model": {"file": "a.keras"}, "export": {"targets": ["mlpackage-sparse"]}})
    assert recipe.export.targets == ("mlpackage-sparse",)
