"""What must not happen silently, and what a killed export leaves behind."""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import ExportError, OutputError
from export_pipeline.export import state
from tests.export import material


def unchanged(model: Any, *_: Any, **__: Any) -> Any:
    return model


@pytest.mark.parametrize(
    ("target", "converter"),
    [
        ("mlpackage-int8", "coremltools.optimize.coreml:linear_quantize_weights"),
        ("mlmodel-int8", "coremltools.models.neural_network.quantization_utils:quantize_weights"),
        ("tflite-int8", "tensorflow.lite.python.convert:mlir_quantize"),
        ("tflite-dynamic", "export_pipeline.formats.tflite.flatbuffer:quantize_kernels"),
    ],
)
def test_a_quantizer_that_does_nothing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photographs: list[np.ndarray], target: str, converter: str
) -> None:
    module, function = converter.split(":")
    monkeypatch.setattr(importlib.import_module(module), function, unchanged)
    with pytest.raises(ExportError, match=target):
        material.exported(material.network("small"), material.recipe((target,)), tmp_path, photographs)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_converter_gives_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("op Foo is not known\nand much more")

    monkeypatch.setattr("tf2onnx.convert.from_keras", broken)
    with pytest.raises(ExportError, match="onnx-fp32 could not be converted: RuntimeError: op Foo is not known"):
        material.exported(material.network("small"), material.recipe(("onnx-fp32",)), tmp_path, ())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("calibration", "message"),
    [((), "needs photographs"), ([np.zeros((8, 8, 3), np.float32)], "uint8"), ([np.zeros((8, 8), np.uint8)], "uint8")],
)
def test_calibration_wants_photographs(tmp_path: Path, calibration: Sequence[np.ndarray], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        material.exported(material.network("small"), material.recipe(("tflite-int8",)), tmp_path, calibration)


def test_an_interrupted_export_goes_on_where_it_was(tmp_path: Path) -> None:
    model, recipe = material.network("small"), material.recipe(("mlmodel-int8", "mlpackage-fp16", "onnx-fp32"))

    def stop(line: str) -> None:
        if line == "onnx-fp32: converting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        material.exported(model, recipe, tmp_path, (), progress=stop)
    (tmp_path / ".tiny-fp32.onnx.abc_1234.part").mkdir()  # as kill -9 leaves it
    damaged = tmp_path / "tiny-fp16.mlpackage" / "Manifest.json"
    damaged.write_bytes(damaged.read_bytes()[:-1])

    lines: list[str] = []
    records = material.exported(model, recipe, tmp_path, (), progress=lines.append, resume=True)
    converted = [line.split(":")[0] for line in lines if line.endswith("converting")]
    assert converted == ["mlpackage-fp16", "onnx-fp32"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".state", *(record.file for record in records)])
    assert all(material.digest(tmp_path / path) == value for r in records for path, value in r.sha256.items())


def test_another_network_or_checkpoint_is_never_taken_for_a_finished_one(tmp_path: Path) -> None:
    model, recipe = material.network("small"), material.recipe(("mlmodel-int8",))
    (first,) = material.exported(model, recipe, tmp_path, (), checkpoint_sha256="1" * 64)
    (second,) = material.exported(model, recipe, tmp_path, (), checkpoint_sha256="2" * 64, resume=True)
    assert second.checkpoint_sha256 == "2" * 64
    model.set_weights([weight * 1.5 for weight in model.get_weights()])
    (third,) = material.exported(model, recipe, tmp_path, (), checkpoint_sha256="2" * 64, resume=True)
    assert len({tuple(record.sha256.values()) for record in (first, second, third)}) == 3


def test_a_file_of_older_code_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "code" / "writer.py"
    source.parent.mkdir()
    source.write_text("old")
    monkeypatch.setattr(state, "SOURCES", (*state.SOURCES, source.parent))
    model, recipe = material.network("small"), material.recipe(("tflite-dynamic",))

    def converted() -> bool:
        lines: list[str] = []
        material.exported(model, recipe, tmp_path / "files", (), progress=lines.append, resume=True)
        return "tflite-dynamic: converting" in lines

    assert converted()
    assert not converted()
    installed = importlib.metadata.version

    def newer(library: str) -> None:
        def version(name: str) -> str:
            return installed(name) + "1" * (name == library)

        monkeypatch.setattr(importlib.metadata, "version", version)

    for upgrade in (
        lambda: monkeypatch.setattr(state, "__version__", "99.0"),
        lambda: newer("numpy"),
        lambda: newer("ai-edge-litert"),
        lambda: source.write_text("new"),
        source.unlink,
    ):
        upgrade()
        assert converted()
        assert not converted()


def test_the_code_that_decides_what_a_file_holds_is_all_looked_at() -> None:
    from export_pipeline import models

    assert Path(str(models.__file__)).parent in state.SOURCES
    names = state.code(*state.SOURCES)
    ours = {"export/guard.py", "formats/static.py", "formats/onnx/write.py", "records/signature.py", "targets.py"}
    assert {*ours, "emulator/network_weights.py", "models/layers.py"} < set(names)


def test_a_full_disk_is_an_output_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        material.exported(material.network("small"), material.recipe(("onnx-fp32",)), tmp_path, ())
    assert list(tmp_path.iterdir()) == []
