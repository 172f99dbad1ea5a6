"""Small whole files of every kind: ``python -m tests.fuzz.seeds FOLDER`` writes them, a folder for each kind."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.fuzz.frames import framed
from tests.imports import ROOT

_BUNDLE = ROOT / "artifacts" / "starry_night_small"
# Recipes of tasks that no shipped recipe is of, and of a distillation.
_RECIPES = {
    "parity": (
        'task = "parity"\nname = "own"\n[model]\nfile = "a.keras"\npixels = [0, 255]\n[model.ranges]\nx = [0, 1]\n'
        '[export]\nheight = 64\nwidth = 64\ntargets = ["onnx-fp32"]\n[report.budgets.onnx-fp32]\nmax_bytes = 5000\n'
    ),
    "distill": 'name = "d"\n[[phases]]\nsteps = 5\n',
}
_TARGETS = ("tflite-fp16", "tflite-dynamic", "tflite-int8", "onnx-fp32", "mlpackage-int8", "mlmodel-int8")


def _put(folder: Path, kind: str, name: str, data: bytes) -> None:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / kind / name).write_bytes(data)


def _core_ml(folder: Path, work: Path) -> None:
    from tests.emulator.fuzz_seeds import seeds

    for path in seeds(work):
        _put_model(folder, path)


def _put_model(folder: Path, path: Path) -> None:
    if path.suffix == ".mlpackage":
        inside = path / "Data" / "com.apple.CoreML"
        weights = inside / "weights" / "weight.bin"
        files = [(inside / "model.mlmodel").read_bytes(), weights.read_bytes() if weights.is_file() else b""]
        _put(folder, "mlpackage", path.stem, framed(files))
    elif path.suffix == ".aimodel":
        _put(folder, "aimodel", path.stem, (path / "main.mlirb").read_bytes())
        _put(folder, "aimodel-metadata", path.stem, (path / "metadata.json").read_bytes())
    else:
        _put(folder, path.suffix.removeprefix("."), path.stem, path.read_bytes())


def _exported(folder: Path, work: Path) -> None:
    from export_pipeline.formats.coreai import library
    from tests.export import material

    targets = _TARGETS if library.missing() else (*_TARGETS, "aimodel-fp16", "aimodel-int8")
    model = material.filled("small", alpha=0.1, blocks=0)
    for record in material.exported(model, material.recipe(targets, 32), work, material.photographs()):
        _put_model(folder, work / record.file)


def _others(folder: Path) -> None:
    from safetensors.numpy import load_file, save

    from export_pipeline.coding.container import to_bytes
    from export_pipeline.train.checkpoint import Checkpoint
    from tests.coding.test_damage import some_of_every_form

    for name, tensor in some_of_every_form().items():
        _put(folder, "weights", name, to_bytes({name: tensor}))
    told = Checkpoint.open(_BUNDLE / "checkpoint.safetensors").info.model_dump_json()
    few = dict(list(load_file(_BUNDLE / "checkpoint.safetensors").items())[1:4])
    _put(folder, "checkpoint", "checkpoint", save(few, metadata={"checkpoint": told}))
    foreign = {"a": np.arange(3), "b": np.ones((2, 2), np.float16)}
    _put(folder, "checkpoint", "foreign", save(foreign, metadata={"format": "pt"}))
    for kind in ("manifest", "report"):
        _put(folder, kind, kind, (_BUNDLE / f"{kind}.json").read_bytes())
    for name, text in _RECIPES.items():
        _put(folder, "recipe", name, text.encode())
    for path in (ROOT / "export_pipeline" / "recipes").glob("*.toml"):
        _put(folder, "recipe", path.name, path.read_bytes())


def main(folder: Path) -> None:
    """Write all of them."""
    for make in (_core_ml, _exported):
        with tempfile.TemporaryDirectory() as work:
            make(folder, Path(work))
    _others(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
