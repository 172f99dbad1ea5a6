"""Reads ``.mlpackage`` and ``.mlmodel`` files. They are untrusted: each ends in a model or in EmulatorError."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import EmulatorError
from .blobs import check_blobs
from .coremltools_quietly import coremltools, model_proto, quiet
from .folding import bounded_values
from .guard import guarded
from .registry import refuse_unknown
from .tensors import Options

NETWORKS = ("neuralNetwork", "neuralNetworkClassifier", "neuralNetworkRegressor")
PIPELINES = ("pipeline", "pipelineClassifier", "pipelineRegressor")
_DEEPEST = 16  # pipelines in pipelines
_ALLOWED = "allowed: an .mlpackage directory or an .mlmodel file"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip file",
    b"\x89PNG": "a PNG image",
}


@dataclass(frozen=True)
class Source:
    """A Core ML model as it lies on disk: the protobuf, and the directory of its weight files, if any."""

    spec: Any
    weights_dir: Path | None
    path: Path | None = None

    @property
    def format(self) -> str:
        """``mlProgram``, ``neuralNetwork``, ``pipeline``, or the kind of any other model."""
        if self.kind in PIPELINES:
            return "pipeline"
        return "neuralNetwork" if self.kind in NETWORKS else self.kind

    @property
    def lowered(self) -> bool:
        """Whether the model is a network or a program, which are lowered to ONNX."""
        return self.format in ("mlProgram", "neuralNetwork")

    @property
    def stages(self) -> list[Source]:
        """The models of a pipeline, in their order; any other model is its own only stage."""
        if self.format != "pipeline":
            return [self]
        holder = getattr(self.spec, self.kind)
        models = holder.models if self.kind == "pipeline" else holder.pipeline.models
        return [Source(model, self.weights_dir, self.path) for model in models]

    @property
    def kind(self) -> str:
        """The name of the type in the protobuf, which tells classifiers and regressors."""
        return str(self.spec.WhichOneof("Type"))

    @property
    def network(self) -> Any:
        """The protobuf of the layers of a neural network."""
        return getattr(self.spec, self.kind)

    @property
    def label(self) -> str:
        """What to call the model in messages."""
        return str(self.path) if self.path else "the model"


def read(path: str | Path) -> Source:
    """Read a model from *path*. Raises EmulatorError in one sentence if that cannot be done."""
    path = Path(path)
    if not path.exists():
        raise EmulatorError(f"{path} does not exist; {_ALLOWED}")
    model, weights = _open_package(path) if path.is_dir() else (path, None)
    return check(Source(_parse(model, path), weights, path))


def check(source: Source, depth: int = 0) -> Source:
    """Refuse what is no model, and one whose weight files are not whole. Whether it can be run is told later."""
    if depth > _DEEPEST:
        raise EmulatorError(f"{source.label} nests pipelines more than {_DEEPEST} deep")
    kind = source.spec.WhichOneof("Type")
    if kind is None:
        raise EmulatorError(f"{source.label} holds no Core ML model, or one of a type that is not known; {_ALLOWED}")
    if kind in PIPELINES:
        if not source.stages:
            raise EmulatorError(f"{source.label} is malformed: a pipeline without models")
        for stage in source.stages:
            check(stage, depth + 1)
    if kind == "mlProgram":
        check_blobs(source.spec.mlProgram, source.weights_dir, source.label)
    return source


def _open_package(package: Path) -> tuple[Path, Path]:
    """The model file and the weights directory of an ``.mlpackage``."""
    manifest = package / "Manifest.json"
    if not manifest.is_file():
        hint = "it is a compiled model" if package.suffix == ".mlmodelc" else "it has no Manifest.json"
        raise EmulatorError(f"{package} is not an .mlpackage: {hint}; {_ALLOWED}")
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        entry = content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
        relative = PurePosixPath(entry)
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise EmulatorError(f"{manifest} is damaged: it does not name the model file ({error!r})") from None
    model = package / "Data" / Path(*relative.parts)
    try:
        inside, there = not relative.is_absolute() and _inside(model, package), model.is_file()
    except (OSError, ValueError):  # too long, a null character, half of a surrogate pair
        raise EmulatorError(f"{manifest} names a model file that cannot be: {entry[:80]!a}") from None
    if not inside:
        raise EmulatorError(f"{manifest} names a model file outside the package: {entry!r}")
    if not there:
        raise EmulatorError(f"{package} is damaged: its model file {f'Data/{entry}'!r} is missing")
    return model, model.parent / "weights"


def _inside(path: Path, directory: Path) -> bool:
    return path.resolve().is_relative_to(directory.resolve())


def _parse(model: Path, shown: Path) -> Any:
    try:
        data = model.read_bytes()
    except OSError as error:
        raise EmulatorError(f"{shown} cannot be read: {error.strerror}") from None
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise EmulatorError(f"{shown} is {what}, not a Core ML model; {_ALLOWED}")
    if not data:
        raise EmulatorError(f"{shown} is empty; {_ALLOWED}")
    spec = model_proto().Model()
    try:
        spec.ParseFromString(data)
    except Exception:  # DecodeError; its class moves between protobuf versions
        raise EmulatorError(f"{shown} is not a whole Core ML model: it is foreign or truncated; {_ALLOWED}") from None
    if spec.WhichOneof("Type") is None or spec.specificationVersion < 1:
        raise EmulatorError(f"{shown} holds no Core ML model; {_ALLOWED}")
    return spec


def program_function(spec: Any) -> Any:
    """The protobuf of the function that runs by default."""
    functions = spec.mlProgram.functions
    name = spec.description.defaultFunctionName or "main"
    if name not in functions:
        names = ", ".join(sorted(functions)) or "none"
        raise EmulatorError(f"the ML program has no function {name!r}; its functions: {names}")
    return functions[name]


def choose(source: Source, function: str | None) -> Source:
    """*source* with another function of a multifunction program as the one that runs."""
    if function is None:
        return source
    if source.format != "mlProgram":
        what = {"neuralNetwork": "neural network"}.get(source.format, source.format)
        raise EmulatorError(f"{source.label} is a {what}, and only ML programs have functions; leave {function!r} out")
    spec = type(source.spec)()
    spec.CopyFrom(source.spec)
    spec.description.defaultFunctionName = function
    program_function(spec)
    return Source(spec, source.weights_dir, source.path)


def walk_operations(function: Any) -> Iterator[Any]:
    """Every operation protobuf of a function, nested blocks included."""
    blocks = [block for opset, block in function.block_specializations.items() if opset == function.opset]
    while blocks:
        block = blocks.pop()
        for operation in block.operations:
            yield operation
            blocks.extend(operation.blocks)


def load_pymil(source: Source, options: Options, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Any:
    """The default function of an ML program as coremltools' own PyMIL objects, with static *shapes* of its inputs.

    Fixing the input shapes before the program is read lets coremltools work out every other shape, so that the
    lowering of a model with flexible shapes need not know that it is one. What it computes meanwhile stays within
    the memory limit of *options*.
    """
    module = coremltools()
    spec = module.proto.Model_pb2.Model()
    spec.CopyFrom(source.spec)
    function = program_function(spec)
    for value in function.inputs:
        _fix_shape(value.type.tensorType, (shapes or {}).get(value.name))
    name = spec.description.defaultFunctionName or "main"
    for other in [key for key in spec.mlProgram.functions if key != name]:
        del spec.mlProgram.functions[other]
    from coremltools.converters.mil.frontend.milproto.load import load
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    known = {*SSAOpRegistry.core_ops, "write_state"}
    refuse_unknown([operation.type for operation in walk_operations(function)], known, "operations")

    with guarded(f"the ML program in {source.label}"), quiet(), bounded_values(options):
        program = load(spec, spec.specificationVersion, str(source.weights_dir or ""))
    return program.functions[name]


def _fix_shape(tensor_type: Any, shape: tuple[int, ...] | None) -> None:
    if shape is None or len(shape) != len(tensor_type.dimensions):
        return
    for dimension, size in zip(tensor_type.dimensions, shape, strict=True):
        dimension.constant.size = size
