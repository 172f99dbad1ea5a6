from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import ImageError, ModelError, PipelineError, UsageError
from export_pipeline.formats import SUFFIXES, Runtime, format_of, open_model, resize_to
from export_pipeline.formats.keras.runtime import KerasRuntime
from export_pipeline.records.signature import image_to_image
from export_pipeline.targets import TARGETS
from tests.small_models import HEIGHT, WIDTH, exported, photographs


def file_of(suffix: str) -> Path:
    made = exported()
    if suffix == ".keras":
        return made.float_model
    return next(made.folder / model.file for model in made.models if model.file.endswith(suffix))


def photo() -> np.ndarray:
    return resize_to(photographs(1)[0], image_to_image(HEIGHT, WIDTH, "image", "stylized"))


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_runs_and_looks_like_the_network(target: str) -> None:
    made = exported()
    runtime = open_model(made.path(target), threads=1)
    output = runtime.stylize(photo())
    wanted = np.asarray(made.network(photo()[None].astype(np.float32), training=False))[0]
    assert output.shape == (HEIGHT, WIDTH, 3)
    assert output.dtype == np.float32
    assert np.mean((output - wanted) ** 2) ** 0.5 < 8
    assert runtime.name
    assert runtime.version[0].isdigit() or "Runtime" in runtime.version


def test_core_ml_gives_whole_numbers_as_its_images_do() -> None:
    output = open_model(file_of(".mlmodel")).stylize(photo())
    assert (output == np.rint(output)).all()
    assert output.min() >= 0
    assert output.max() <= 255


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_run_takes_and_gives_native_arrays_by_name(suffix: str) -> None:
    runtime = open_model(file_of(suffix))
    inputs = runtime.example(HEIGHT, WIDTH)
    first, second = runtime.run(inputs), runtime.run(inputs)
    assert set(first) == {port.name for port in runtime.outputs}
    for name, array in first.items():
        assert np.array_equal(array, second[name])
    with pytest.raises(PipelineError, match=r"input"):
        runtime.run({"nothing": next(iter(inputs.values()))})


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".keras"])
def test_an_image_of_another_size_is_refused(suffix: str) -> None:
    with pytest.raises(ImageError, match=f"{HEIGHT}x{WIDTH}.*80x96"):
        open_model(file_of(suffix)).stylize(photographs(1)[0])


def test_a_keras_file_takes_any_size() -> None:
    runtime = open_model(file_of(".keras"))
    assert runtime.signature is None
    assert runtime.stylize(photographs(1)[0]).shape == (80, 96, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", ["empty", "half", "last byte", "foreign"])
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    source = file_of(suffix)
    if source.is_dir():
        shutil.copytree(source, path)
        target = next(file for file in sorted(path.rglob("*")) if file.suffix in (".mlmodel", ".mlirb"))
    else:
        target = Path(shutil.copy(source, path))
    whole = target.read_bytes()
    cut = {"empty": b"", "half": whole[: len(whole) // 2], "last byte": whole[:-1], "foreign": b"no model\n" * 50}
    target.write_bytes(cut[damage])
    with pytest.raises(PipelineError) as caught:
        open_model(path)
    assert caught.value.exit_code == 2
    assert "damaged" in str(caught.value)  # the file's name
    assert len(str(caught.value).splitlines()) <= 2


def test_what_is_not_there_or_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model at .*none\.onnx"):
        open_model(tmp_path / "none.onnx")
    for name, found in (("report.json", r"an unknown suffix '\.json'"), ("report", "no suffix")):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ModelError, match=f"{found}; allowed: {', '.join(SUFFIXES)}"):
            open_model(tmp_path / name)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name in ("manifest.json", "b.tflite", "b.onnx"):
        (bundle / name).write_bytes(b"")
    with pytest.raises(ModelError, match=r"is a bundle, not a model; name one of its model files: b\.onnx, b\.tflite$"):
        open_model(bundle)
    (tmp_path / "a.onnx").mkdir()
    with pytest.raises(ModelError, match="folder"):
        open_model(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="1 or more"):
        open_model(file_of(".onnx"), threads=0)


@pytest.mark.parametrize(
    "entry",
    [
        {"module": "os", "class_name": "system", "registered_name": None},
        {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
        {"module": "keras.layers", "class_name": "TFOpLambda", "registered_name": None},
        {"module": "os", "class_name": "system", "registered_name": "export_pipeline>Rescaling"},
        {"module": "models.layers", "class_name": "Foreign", "registered_name": "export_pipeline>Foreign"},
        {"module": "models.layers", "class_name": "Rescaling", "registered_name": None},
    ],
)
def test_a_keras_file_that_would_run_its_own_code_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    def changed(config: str) -> str:
        whole = json.loads(config)
        whole["config"]["layers"][1].update(entry)
        return json.dumps(whole)

    with pytest.raises(ModelError, match="code of the file's own"):
        open_model(with_config(tmp_path / "evil.keras", changed))


def test_a_keras_file_of_when_the_networks_were_a_package_of_their_own_opens(tmp_path: Path) -> None:
    path = with_config(tmp_path / "old.keras", lambda config: config.replace('"export_pipeline.models.', '"models.'))
    with zipfile.ZipFile(path) as archive:
        assert b'"models.layers"' in archive.read("config.json")
    np.testing.assert_array_equal(open_model(path).stylize(photo()), open_model(file_of(".keras")).stylize(photo()))


def with_config(path: Path, changed: Callable[[str], str]) -> Path:
    """Write *path*, the ``.keras`` file of the small network with its configuration as *changed* makes it."""
    with zipfile.ZipFile(file_of(".keras")) as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            archive.writestr(name, changed(data.decode()).encode() if name == "config.json" else data)
    return path


def test_a_model_of_other_inputs_is_no_style_network(tmp_path: Path) -> None:
    import tf_keras as keras

    left, right = keras.Input((16, 16, 3), name="left"), keras.Input((16, 16, 3), name="right")
    keras.Model([left, right], keras.layers.Add(name="add")([left, right])).save(tmp_path / "two.keras")
    runtime = open_model(tmp_path / "two.keras")
    assert set(runtime.run(runtime.example())) == {"add"}
    with pytest.raises(ModelError, match=r"left.*right"):
        runtime.stylize(np.zeros((16, 16, 3), np.uint8))


def test_the_signature_of_a_foreign_file_comes_from_its_shape(tmp_path: Path) -> None:
    import tf_keras as keras

    image = keras.Input((32, 16, 3), name="picture")
    keras.Model(image, keras.layers.ReLU(name="same")(image)).save(tmp_path / "a.keras")
    signature = open_model(tmp_path / "a.keras").signature
    assert signature == image_to_image(32, 16, "picture", "same")


def test_runtimes_are_final_and_complete() -> None:
    for suffix in SUFFIXES:
        kind = format_of(f"a{suffix}").runtime
        assert issubclass(kind, Runtime)
        assert not kind.__abstractmethods__
        assert kind.__final__
    assert format_of("a.keras").runtime is KerasRuntime
