"""Networks as other people save them: Keras 3 translated, whole .h5 files, SavedModels, and what is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import ModelError
from export_pipeline.formats import open_model
from export_pipeline.formats.keras.flat import flattened
from export_pipeline.formats.keras.loading import load
from export_pipeline.formats.keras.shared_layers import ACTIVATIONS, LAYERS
from tests import strangers

NETWORKS = ("mobilenet", "autoencoder", "nested", "merging", "operators", "embedding")
CLOSE = 2e-5  # of the largest output: the same arithmetic in another order


def given(name: str) -> dict[str, np.ndarray]:
    with np.load(strangers.keras3() / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def check_gives(model: Any, arrays: dict[str, np.ndarray], what: str) -> None:
    inputs = [array for name, array in arrays.items() if name.startswith("in")]
    wanted = [array for name, array in arrays.items() if name.startswith("out")]
    outputs = model(inputs[0] if len(inputs) == 1 else inputs, training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert len(outputs) == len(wanted)
    for output, reference in zip(outputs, wanted, strict=True):
        assert np.ptp(reference) > 0, what  # or a constant would pass
        error = np.abs(output.numpy() - reference).max() / np.abs(reference).max()
        assert output.shape == reference.shape, what
        assert error < CLOSE, (what, error)


def layer_names() -> list[str]:
    return sorted(path.stem for path in strangers.keras3().glob("layer_*.keras"))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_every_layer_that_is_read_from_keras_3_gives_what_it_gives_there(suffix: str) -> None:
    for name in layer_names():
        check_gives(load(strangers.keras3() / f"{name}.{suffix}"), given(name), name)


def test_no_layer_and_no_function_is_read_that_is_not_proved_so() -> None:
    proved = set()
    for name in [*layer_names(), *NETWORKS]:
        with zipfile.ZipFile(strangers.keras3() / f"{name}.keras") as archive:
            text = archive.read("config.json").decode()
        proved |= {kind for kind in LAYERS if f'"module": "keras.layers", "class_name": "{kind}"' in text}
    assert set(LAYERS) == proved
    assert {f"layer_activation_{name}" for name in ACTIVATIONS} <= set(layer_names())


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_keras_3_gives_what_it_gives_there(name: str, suffix: str) -> None:
    path = strangers.keras3() / f"{name}.{suffix}"
    model = load(path)
    check_gives(model, given(name), name)
    check_gives(flattened(model, name, [tuple(tensor.shape) for tensor in model.inputs]), given(name), name)


def test_a_file_of_keras_3_is_a_model_like_any_other() -> None:
    runtime = open_model(strangers.keras3() / "mobilenet.keras")
    assert [port.name for port in (*runtime.inputs, *runtime.outputs)] == ["picture", "classes"]
    arrays = given("mobilenet")
    np.testing.assert_allclose(runtime.run({"picture": arrays["in0"]})["classes"], arrays["out0"], rtol=1e-5, atol=1e-6)


def test_what_is_not_read_of_keras_3_is_named_all_at_once() -> None:
    with pytest.raises(ModelError) as refused:
        load(strangers.keras3() / "strange.keras")
    said = str(refused.value)
    assert "was saved by Keras 3" in said
    for part in ("gate (Activation): activation 'hard_sigmoid'", "twice (strange>Twice)", "plus (Lambda)"):
        assert part in said
    assert "damaged" not in said
    with pytest.raises(ModelError, match=r"half \(Dense\): arithmetic in mixed_float16"):
        load(strangers.keras3() / "halved.keras")


@pytest.mark.parametrize("name", strangers.BUILDERS)
def test_keras_2_files_and_folders_hold_the_same_network(name: str) -> None:
    random = np.random.default_rng(0)
    shape = {"unet": (1, 8, 12, 3), "lstm": (1, 6, 5), "nested": (1, 16, 16, 3)}[name]
    values = random.uniform(0, 255, shape).astype(np.float32)
    outputs = [load(strangers.keras2(name, end))(values).numpy() for end in (".keras", ".h5", "")]
    assert np.ptp(outputs[0]) > 0
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])
    model = load(strangers.keras2(name, ".h5"))
    flat = flattened(model, name, [shape])
    np.testing.assert_allclose(flat(values).numpy(), outputs[0], rtol=1e-5, atol=1e-6)
    assert not [layer for layer in flat.layers if hasattr(layer, "layers")]


def test_a_suffix_does_not_matter(tmp_path: Path) -> None:
    """Keras 2 wrote HDF5 under any name until 2.12."""
    path = shutil.copy(strangers.keras2("lstm", ".h5"), tmp_path / "lstm.keras")
    assert load(Path(path)).output_names == ["level"]


def changed(source: Path, path: Path, change: dict[str, str]) -> Path:
    """An archive like *source*, with its configuration's text changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                text = data.decode()
                for before, after in change.items():
                    assert before in text
                    text = text.replace(before, after)
                data = text.encode()
            new.writestr(name, data)
    return path


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = changed(strangers.keras3() / "layer_dense.keras", tmp_path / "a.keras", {'"units": 5': '"units": 6'})
    with pytest.raises(ModelError, match=r"is damaged: its layer 'dense.*' has the weights \(7, 5\), \(5,\)"):
        load(path)


def test_a_network_without_end_is_refused(tmp_path: Path) -> None:
    source = strangers.keras3() / "autoencoder.keras"
    path = changed(source, tmp_path / "a.keras", {'"keras_history": ["signal"': '"keras_history": ["code"'})
    with pytest.raises(ModelError, match="has layers that nothing leads to"):
        load(path)


def test_other_files_are_refused_by_their_right_name(tmp_path: Path) -> None:
    import tf_keras as keras

    strangers.lstm().save_weights(tmp_path / "weights.h5")
    text = tmp_path / "text.keras"
    text.write_text("no network")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("readme.txt", "no network")
    own = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1, name="plus")])
    own.save(tmp_path / "lambda.h5")
    (tmp_path / "folder").mkdir()
    refused = {
        "weights.h5": "holds weights without the layers",
        "text.keras": "is not a network saved by Keras; allowed: a .keras archive",
        "zip.keras": "is an archive without config.json",
        "lambda.h5": "holds Lambda, which may run code of the file's own",
        "folder": "is a folder without saved_model.pb",
        "nothing.keras": "there is no network at",
    }
    for name, message in refused.items():
        with pytest.raises(ModelError, match=message):
            load(tmp_path / name)
    with pytest.raises(ModelError, match=r"holds graphs and no Keras layers, as model\.export\(\)"):
        load(strangers.keras3() / "exported")


def test_functions_that_do_more_than_compute_are_refused(tmp_path: Path) -> None:
    source = strangers.keras2("nested", ".keras")
    with zipfile.ZipFile(source) as archive:
        assert "math.truediv" in json.dumps(json.loads(archive.read("config.json")))
    path = changed(source, tmp_path / "evil.keras", {'"function": "math.truediv"': '"function": "io.write_file"'})
    with pytest.raises(ModelError, match=r"TFOpLambda of io\.write_file"):
        load(path)
