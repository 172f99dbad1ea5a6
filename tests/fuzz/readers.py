"""Every reader that takes a file of a stranger: what it is given, and how bytes for it are changed."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export_pipeline.errors import ModelError
from tests.fuzz import mutations
from tests.fuzz.frames import unframed

MEMORY = 1 << 26  # bytes of one tensor
_MODEL = "Data/com.apple.CoreML"
_MANIFEST = (
    '{"fileFormatVersion": "1.0.0", "rootModelIdentifier": "a", "itemInfoEntries": {'
    '"a": {"author": "", "description": "", "name": "model.mlmodel", "path": "com.apple.CoreML/model.mlmodel"}, '
    '"b": {"author": "", "description": "", "name": "weights", "path": "com.apple.CoreML/weights"}}}'
)


# Apple's runtime reads in a process of its own: one or two files a second, where others read hundreds.
IN_A_PROCESS = 0.02


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        seeds: the folder of files that it starts from, see ``seeds.py``.
        read: takes the bytes and an empty folder; raises what the reader raises.
        mutation: changes bytes so that they stay near to the format.
        share: of the executions, as a multiple of the other readers'.
    """

    seeds: str
    read: Callable[[bytes, Path], Any]
    mutation: mutations.Mutation
    share: float = 1.0


def _package(data: bytes, folder: Path) -> Path:
    model, weights = unframed(data, 2)
    path = folder / "a.mlpackage"
    for name, content in (
        ("Manifest.json", _MANIFEST.encode()),
        (f"{_MODEL}/model.mlmodel", model),
        (f"{_MODEL}/weights/weight.bin", weights),
    ):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def _file(name: str) -> Callable[[bytes, Path], Path]:
    def write(data: bytes, folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def _of(write: Callable[[bytes, Path], Path], *calls: Callable[[Path], Any]) -> Callable[[bytes, Path], None]:
    """A reader of a file that *write* writes: each of *calls* is tried, whatever the ones before said."""
    from export_pipeline.errors import PipelineError

    def read(data: bytes, folder: Path) -> None:
        path, last = write(data, folder), None
        for call in calls:
            try:
                call(path)
            except PipelineError as error:
                last = error
        if last is not None:
            raise last

    return read


def _inspect(path: Path) -> None:
    from export_pipeline.report import inspect, inspection_text
    from export_pipeline.report.checkpoint import CheckpointInspection, checkpoint_text

    found = inspect(path)
    found.model_dump_json()
    _ = checkpoint_text(found) if isinstance(found, CheckpointInspection) else inspection_text(found)


def _described(path: Path) -> None:
    from export_pipeline.emulator import describe, weights

    describe(path, MEMORY)
    weights(path, MEMORY)


def _listing(path: Path) -> None:
    from export_pipeline.emulator import listing

    json.dumps(asdict(listing(path)))


def _opened(path: Path) -> tuple[Any, dict[str, Any]]:
    from export_pipeline.emulator import CoreMLModel
    from tests.emulator.fuzz import example

    model = CoreMLModel(path, threads=1, memory_limit=MEMORY, loop_limit=100)
    return model, {port.name: example(port) for port in model.inputs}


def _run(path: Path) -> None:
    model, given = _opened(path)
    model.run(given)


def _stress(path: Path) -> None:
    model, given = _opened(path)
    model.stress(given, heal=True).text()


@functools.cache
def _process() -> list[Any]:
    """The worker that reads Core AI programs, kept from one to the next as long as it lives."""
    from export_pipeline.formats.coreai.process import Process

    return [Process(1)]


def _core_ai(path: Path) -> None:
    from export_pipeline.formats.coreai import asset, contents
    from export_pipeline.formats.coreai.process import Process

    asset.read_metadata(path)
    try:
        program = contents.of_process(_process()[0], path)
    except ModelError as error:
        if "ended" in str(error):  # by Apple's library, which the readers live with
            _process()[0].close()
            _process()[0] = Process(1)
        raise
    program.work()
    _ = program.stored
    for each in program.operations:
        program.kernel_of(each)


def _asset(data: bytes, folder: Path) -> Path:
    from export_pipeline.formats.coreai import asset

    path = folder / "a.aimodel"
    path.mkdir(exist_ok=True)
    (path / asset.PROGRAM).write_bytes(data)
    return path


def _metadata(data: bytes, folder: Path) -> None:
    from export_pipeline.formats.coreai import asset
    from export_pipeline.formats.interface import described
    from export_pipeline.records.signature import Port

    path = _asset(b"", folder)
    (path / asset.METADATA).write_bytes(data)
    ports = [Port(name=name, shape=(1, 32, 32, 3), dtype="float32") for name in ("image", "stylized")]
    found = described(asset.read_metadata(path), ports[:1], ports[1:])
    _ = found.signature


def _container(path: Path) -> None:
    from export_pipeline import coding

    coding.read(path, MEMORY)
    coding.read_coded(path, MEMORY)


def _checkpoint(path: Path) -> None:
    from export_pipeline.train.checkpoint import Checkpoint

    Checkpoint.open(path)


def _bundle(path: Path) -> None:
    from export_pipeline.bundle import Bundle

    Bundle.open(path.parent)


def _release(path: Path) -> None:
    from export_pipeline.report import read_release

    read_release(path)


def _recipe(path: Path) -> None:
    from export_pipeline.errors import RecipeError
    from export_pipeline.recipe import DistillRecipe, Recipe

    try:
        DistillRecipe.load(path)
    except RecipeError:
        Recipe.load(path)


SPEC, PACKAGE = _file("a.mlmodel"), _package
READERS: dict[str, Reader] = {
    "mlmodel": Reader("mlmodel", _of(SPEC, _inspect, _described), mutations.spec),
    "mlpackage": Reader("mlpackage", _of(PACKAGE, _inspect, _described), mutations.package),
    "listing-mlmodel": Reader("mlmodel", _of(SPEC, _listing), mutations.spec),
    "listing-mlpackage": Reader("mlpackage", _of(PACKAGE, _listing), mutations.package),
    "run-mlmodel": Reader("mlmodel", _of(SPEC, _run), mutations.spec),
    "run-mlpackage": Reader("mlpackage", _of(PACKAGE, _run), mutations.package),
    "stress-mlmodel": Reader("mlmodel", _of(SPEC, _stress), mutations.spec),
    "stress-mlpackage": Reader("mlpackage", _of(PACKAGE, _stress), mutations.package),
    "aimodel": Reader("aimodel", _of(_asset, _core_ai), mutations.damage_bytes, IN_A_PROCESS),
    "aimodel-metadata": Reader("aimodel-metadata", _metadata, mutations.document),
    "tflite": Reader("tflite", _of(_file("a.tflite"), _inspect), mutations.tflite),
    "onnx": Reader("onnx", _of(_file("a.onnx"), _inspect), mutations.onnx),
    "weights": Reader("weights", _of(_file("a.weights"), _container, _inspect), mutations.container),
    "checkpoint": Reader("checkpoint", _of(_file("a.safetensors"), _checkpoint, _inspect), mutations.safetensors),
    "manifest": Reader("manifest", _of(_file("manifest.json"), _bundle), mutations.manifest),
    "report": Reader("report", _of(_file("a.json"), _release), mutations.document),
    "recipe": Reader("recipe", _of(_file("a.toml"), _recipe), mutations.recipe),
}


def read(name: str, data: bytes) -> None:
    """Give *data* to the reader *name*.

    Raises:
        PipelineError: what it may raise, of one or two lines.
        Exception: anything else is a finding.
    """
    from export_pipeline.errors import PipelineError

    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_fast()) as folder:
        try:
            READERS[name].read(data, Path(folder))
        except PipelineError as error:
            if len(str(error).splitlines()) > 2:
                raise ValueError("a message of more than two lines") from error
            raise


def _fast() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
