"""Files that are not models, not whole, or not to be trusted: one clear sentence each."""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel, describe
from export_pipeline.errors import EmulatorError, UnsupportedOperationError
from tests.emulator.mil import ct, mb

SHAPE = (1, 4, 8, 8)
WEIGHT = np.random.default_rng(0).normal(size=(16, 4, 3, 3)).astype(np.float32)


@pytest.fixture
def package(save_program: Callable[..., Path]) -> Path:
    return save_program(lambda x: mb.conv(x=x, weight=WEIGHT, pad_type="valid"), [SHAPE])


def _model_file(package: Path) -> Path:
    return package / "Data/com.apple.CoreML/model.mlmodel"


def _refused(path: Path, words: str) -> None:
    with pytest.raises(EmulatorError, match=words) as caught:
        CoreMLModel(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"just some text that is no model at all\n", "not a whole Core ML model|holds no Core ML model"),
        (bytes(np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8)), "not a whole|holds no"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\x89HDF\r\n", "HDF5"),
    ],
)
def test_foreign_files(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "m.mlmodel"
    path.write_bytes(content)
    _refused(path, words)


def test_missing_file(tmp_path: Path) -> None:
    _refused(tmp_path / "no.mlpackage", "does not exist")


def test_zipped_package(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "z.mlpackage"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(_model_file(package), "model.mlmodel")
    _refused(path, "zip archive")


def test_directory_without_manifest(package: Path) -> None:
    (package / "Manifest.json").unlink()
    _refused(package, "no Manifest.json")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"rootModelIdentifier": "a", "itemInfoEntries": {"a": 1}}', "\xff"])
def test_damaged_manifest(text: str, package: Path) -> None:
    (package / "Manifest.json").write_text(text, encoding="latin-1")
    _refused(package, "Manifest.json is damaged")


@pytest.mark.parametrize("inside", ["../../secret", "/etc/passwd"])
def test_manifest_that_leaves_the_package(inside: str, package: Path) -> None:
    manifest = package / "Manifest.json"
    content = json.loads(manifest.read_text())
    content["itemInfoEntries"][content["rootModelIdentifier"]]["path"] = inside
    manifest.write_text(json.dumps(content))
    _refused(package, "outside the package")


def test_missing_model_file(package: Path) -> None:
    _model_file(package).unlink()
    _refused(package, "model file .* is missing")


def test_truncated_model_file(package: Path) -> None:
    path = _model_file(package)
    data = path.read_bytes()
    for keep in np.linspace(1, len(data) - 1, 12).astype(int):
        path.write_bytes(data[:keep])
        with pytest.raises(EmulatorError):
            CoreMLModel(package)


def test_flipped_bytes_end_in_a_model_or_an_error(package: Path) -> None:
    path = _model_file(package)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(data), 40):
        path.write_bytes(data[:position] + bytes([data[position] ^ int(rng.integers(1, 256))]) + data[position + 1 :])
        with contextlib.suppress(EmulatorError):
            CoreMLModel(package)


def test_missing_weights(package: Path) -> None:
    shutil.rmtree(_model_file(package).parent / "weights")
    _refused(package, "weight file .* is missing")


@pytest.mark.parametrize("keep", [0, 10, 64, 100, 1000])
def test_truncated_weights(keep: int, package: Path) -> None:
    path = _model_file(package).parent / "weights/weight.bin"
    path.write_bytes(path.read_bytes()[:keep])
    _refused(package, "truncated or not a weight file")


def test_weights_that_are_a_link(package: Path, tmp_path: Path) -> None:
    path = _model_file(package).parent / "weights/weight.bin"
    path.rename(tmp_path / "elsewhere.bin")
    path.symlink_to(tmp_path / "elsewhere.bin")
    _refused(package, "link out of the package")


@pytest.mark.parametrize("name", ["@model_path/../../../weight.bin", "/etc/passwd", "@model_path/weights/../x"])
def test_weights_outside_the_package(name: str, package: Path) -> None:
    path = _model_file(package)
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    for function in spec.mlProgram.functions.values():
        for block in function.block_specializations.values():
            for operation in block.operations:
                if operation.attributes["val"].HasField("blobFileValue"):
                    operation.attributes["val"].blobFileValue.fileName = name
    path.write_bytes(spec.SerializeToString())
    _refused(package, "outside the package")


def test_program_in_a_bare_file_needs_its_weights(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mlmodel"
    shutil.copy(_model_file(package), path)
    _refused(path, "must be an .mlpackage")


def test_program_without_weights_in_a_bare_file(save_program: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "m.mlmodel"
    shutil.copy(_model_file(save_program(lambda x: mb.relu(x=x), [(1, 2)])), path)
    assert CoreMLModel(path).run({"x": np.array([[-1, 1]])})


def test_other_kinds_of_model(tmp_path: Path) -> None:
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = 1
    spec.wordTagger.revision = 1
    path = tmp_path / "m.mlmodel"
    path.write_bytes(spec.SerializeToString())
    _refused(path, "type 'wordTagger'")


def test_unsupported_operations_are_named_at_once(package: Path) -> None:
    path = _model_file(package)
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    for name in ("fancy_op", "other_op", "fancy_op"):
        block.operations.add().type = name
    path.write_bytes(spec.SerializeToString())
    with pytest.raises(UnsupportedOperationError, match="fancy_op, other_op;"):
        CoreMLModel(package)
    with pytest.raises(UnsupportedOperationError, match="fancy_op, other_op;"):
        describe(package)


def test_unsupported_layers_are_named_at_once(tmp_path: Path) -> None:
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = 1
    for name in ("loopContinue", "loopBreak"):
        getattr(spec.neuralNetwork.layers.add(), name).SetInParent()
    path = tmp_path / "m.mlmodel"
    path.write_bytes(spec.SerializeToString())
    with pytest.raises(UnsupportedOperationError, match="layers loopBreak, loopContinue;"):
        CoreMLModel(path)
