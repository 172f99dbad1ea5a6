"""``quantize`` on the files that libraries really write, through the command line."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from export_pipeline import coding
from export_pipeline.cli import main
from export_pipeline.coding.weight_files import read_arrays


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small network's weights in every kind of file."""
    from export_pipeline import models  # isort: skip - loads TensorFlow quietly
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    network = models.NETWORKS["small"](alpha=0.3)
    network.compile("adam")
    network.optimizer.build(network.trainable_variables)
    folder = tmp_path_factory.mktemp("files")
    found = {kind: folder / name for kind, name in KINDS.items()}
    network.save_weights(found["old .h5"])
    network.save_weights(found["new .h5"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that .h5 is an old format
        network.save(found["model .h5"])
    network.save(found[".keras"])
    arrays = {variable.name: variable.numpy() for variable in network.weights}
    np.savez(found[".npz"], **arrays)
    save_file(arrays, found[".safetensors"])
    return found


KINDS = {
    "old .h5": "old.h5",
    "new .h5": "new.weights.h5",
    "model .h5": "model.h5",
    ".keras": "net.keras",
    ".npz": "net.npz",
    ".safetensors": "net.safetensors",
}


def test_state_of_a_training_is_told_from_layers_by_what_lies_beside_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file["optimizer/optimizer/kernel:0"] = KERNEL
    assert list(read_arrays(tmp_path / "net.h5")) == ["optimizer/optimizer/kernel:0"]


def by_value(arrays: dict[str, np.ndarray]) -> list[bytes]:
    """Arrays without their names, which differ from format to format."""
    return sorted(array.tobytes() for array in arrays.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_gives_the_same_arrays(kind: str, files: dict[str, Path]) -> None:
    assert by_value(read_arrays(files[kind])) == by_value(read_arrays(files[".npz"]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_quantized(
    kind: str, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.weights"
    assert main(["quantize", str(files[kind]), "--bits", "4", "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    before, after, coded = read_arrays(files[kind]), coding.read(out), coding.read_coded(out)
    assert list(after) == list(before) == [row["name"] for row in told["tensors"]]
    for row in told["tensors"]:
        name = row["name"]
        if before[name].ndim < 2:
            assert np.array_equal(after[name], before[name])
            assert row["clusters"] is None
        else:
            assert row["clusters"] == coded[name].table.size <= 16  # type: ignore[union-attr]
            assert np.array_equal(np.unique(after[name]), coded[name].table)  # type: ignore[union-attr]
        error = np.sum((before[name].astype(np.float64) - after[name]) ** 2)
        assert row["squared_error"] == pytest.approx(error, rel=1e-12)
    assert told["after"]["bytes"] == out.stat().st_size
    assert told["before"]["bytes"] == files[kind].stat().st_size
    assert 15 < told["snr_db"] < 30
    assert told["after"]["bytes"] < 11_868 * 4 / 5


def quantized(arrays: dict[str, np.ndarray], folder: Path, *options: str) -> dict[str, coding.CodedTensor | np.ndarray]:
    np.savez(folder / "net.npz", **arrays)
    out = folder / "out.weights"
    assert main(["quantize", str(folder / "net.npz"), "-o", str(out), *options]) == 0
    return coding.read_coded(out)


RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.standard_normal((3, 3, 8, 16)).astype(np.float32)


@pytest.mark.parametrize("bits", range(1, 9))
def test_each_width_has_its_table(bits: int, tmp_path: Path) -> None:
    table = quantized({"kernel": KERNEL}, tmp_path, "--bits", str(bits))["kernel"].table  # type: ignore[union-attr]
    assert table.size == 2**bits


def test_zeros_stay_zeros_and_few_values_stay_exact(tmp_path: Path) -> None:
    sparse = np.where(RANDOM.random(KERNEL.shape) < 0.5, np.float32(0), KERNEL)
    few = RANDOM.choice(np.array([-0.5, 0, 0.25], np.float32), KERNEL.shape)
    found = quantized({"sparse": sparse, "few": few}, tmp_path, "--bits", "3")
    assert ((found["sparse"].expand() == 0) >= (sparse == 0)).all()  # type: ignore[union-attr]
    assert np.array_equal(found["few"].expand(), few)  # type: ignore[union-attr]


def test_sparsity_drops_the_smallest(tmp_path: Path) -> None:
    kernel = np.asfortranarray(KERNEL)
    found = quantized({"kernel": kernel, "bias": KERNEL[0, 0, 0]}, tmp_path, "--bits", "8", "--sparsity", "0.75")
    zero = found["kernel"].expand() == 0  # type: ignore[union-attr]
    assert zero.sum() == 0.75 * KERNEL.size
    assert np.abs(KERNEL[zero]).max() <= np.abs(KERNEL[~zero]).min()
    assert np.array_equal(found["bias"], KERNEL[0, 0, 0])  # type: ignore[arg-type]


def test_half_rounds_tables_and_what_is_kept(tmp_path: Path) -> None:
    found = quantized({"kernel": KERNEL, "bias": KERNEL[0, 0, 0]}, tmp_path, "--bits", "4", "--half")
    for values in (found["kernel"].table, found["bias"]):  # type: ignore[union-attr]
        assert isinstance(values, np.ndarray)
        assert values.dtype == np.float32
        assert np.array_equal(values, values.astype(np.float16))
    assert {record.stored for record in coding.records(tmp_path / "out.weights")} == {"float16"}


def test_what_no_table_can_make_smaller_is_kept(tmp_path: Path) -> None:
    found = quantized({"tiny": KERNEL[:1, :1], "steps": np.array([[1, 2]])}, tmp_path, "--bits", "8")
    assert np.array_equal(found["tiny"], KERNEL[:1, :1])  # type: ignore[arg-type]
    assert found["steps"].dtype == np.int64  # type: ignore[union-attr]


def test_float16_float64_and_bfloat16_become_float32(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = json.dumps({"brain": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    body = np.array([1.5, -2, 0, 3], np.float32).view(np.uint32) >> 16
    source = tmp_path / "brain.safetensors"
    source.write_bytes(len(header).to_bytes(8, "little") + header + body.astype("<u2").tobytes())
    assert main(["quantize", str(source), "--bits", "1", "-o", str(tmp_path / "one.weights")]) == 0
    assert "x" in capsys.readouterr().out
    assert np.array_equal(read_arrays(source)["brain"], np.array([[1.5, -2], [0, 3]], np.float32))
    found = quantized({"double": KERNEL.astype(">f8"), "half": KERNEL.astype(np.float16)}, tmp_path, "--bits", "5")
    assert all(tensor.expand().dtype == np.float32 for tensor in found.values())  # type: ignore[union-attr]


def test_the_table_says_bytes_and_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "vgg.weights.h5"
    with h5py.File(source, "w") as file:
        file["layer/kernel"] = KERNEL
    made = tmp_path / "vgg.weights"
    assert main(["quantize", str(source), "--bits", "6", "-o", str(made)]) == 0
    out, err = capsys.readouterr()
    assert f"{source}: {source.stat().st_size} bytes" in out
    assert f"{made}: {made.stat().st_size} bytes" in out
    assert "layer/kernel  3x3x8x16" in out
    assert not err  # what is soon over needs no lines


def test_by_itself_it_writes_where_the_user_is_and_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "here").mkdir()
    source = tmp_path / "theirs" / "vgg.npz"
    np.savez(source, kernel=KERNEL)
    monkeypatch.chdir(tmp_path / "here")
    assert main(["quantize", str(source), "--bits", "6"]) == 0
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["vgg-6bit.weights"]
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["vgg.npz"]
    capsys.readouterr()
    assert "vgg-6bit.weights is there already" in refusal([str(source), "--bits", "6"], capsys)


def test_equal_sources_give_equal_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("one.weights", "two.weights"):
        assert main(["quantize", str(files[".npz"]), "--bits", "3", "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.weights").read_bytes() == (tmp_path / "two.weights").read_bytes()


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["quantize", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("export-pipeline: ")
    assert 1 <= len(err.splitlines()) <= 2
    return err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bits", "0"], "0 bits are not possible; allowed: 1 to 8"),
        (["--bits", "9"], "9 bits are not possible; allowed: 1 to 8"),
        (["--bits", "4", "--sparsity", "1"], "a sparsity of 1 is not possible"),
        (["--bits", "4", "--sparsity", "nan"], "a sparsity of nan is not possible"),
        (["--bits", "4", "-o", "out.npz"], "out.npz does not end in .weights"),
    ],
)
def test_wrong_use_is_refused(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "net.npz", kernel=KERNEL)
    assert said in refusal([str(tmp_path / "net.npz"), *options], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


def test_bad_files_are_refused(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no weights at" in refusal([str(tmp_path / "none.h5"), "--bits", "4"], capsys)
    (tmp_path / "net.pt").touch()
    assert "allowed: .h5, .keras, .npz, .safetensors" in refusal([str(tmp_path / "net.pt"), "--bits", "4"], capsys)
    for path in files.values():
        for data in (b"", b"nothing of the kind", path.read_bytes()[:3000]):
            bad = tmp_path / f"bad{path.suffix}"
            bad.write_bytes(data)
            assert f"{bad} is damaged or not a {path.suffix} file" in refusal([str(bad), "--bits", "4"], capsys)
    assert not list(tmp_path.glob("*.weights"))


def test_nothing_is_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "net.npz", kernel=np.array([{}, print], object))
    assert "is damaged or not" in refusal([str(tmp_path / "net.npz"), "--bits", "4"], capsys)
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert "model.weights.h5" in refusal([str(tmp_path / "net.keras"), "--bits", "4"], capsys)


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        (np.array([[1.0, np.nan]], np.float32), [], "x holds values that are not finite as float32."),
        (np.array([1.0, np.inf]), [], "x holds values that are not finite as float64."),
        (np.array([[1e300, 1]]), [], "x holds values that are not finite as float32."),
        (
            np.array([70000.0], np.float32),
            ["--half"],
            "x holds values that are not finite as float16. Leave out --half.",
        ),
        (np.array(["text"]), [], "something else than numbers: x (<U4)"),
        (np.array([[True]]), [], "something else than numbers: x (bool)"),
    ],
)
def test_what_cannot_be_quantized_is_refused(
    array: np.ndarray, options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "net.npz", x=array)
    assert said in refusal([str(tmp_path / "net.npz"), "--bits", "4", *options], capsys)


def test_a_file_without_arrays_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "net.npz")
    assert "holds no arrays of weights" in refusal([str(tmp_path / "net.npz"), "--bits", "4"], capsys)
