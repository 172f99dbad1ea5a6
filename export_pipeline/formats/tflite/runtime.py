"""TFLite files with LiteRT; float operations run on XNNPACK, which it applies by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

import numpy as np

from export_pipeline.base.quiet import muted
from export_pipeline.errors import ModelError
from export_pipeline.formats.interface import described
from export_pipeline.formats.runtime import Runtime, checked_inputs, reading, running
from export_pipeline.formats.stress import Stressed
from export_pipeline.records.signature import Port

_WHAT = "a TFLite model"


@final
class LiteRTRuntime(Runtime):
    """A ``.tflite`` file. Input names are those of its signature where it has one, else the tensors' own.

    Args:
        path: of the file.
        threads: of the computation; ``None`` takes all cores.
        run: whether it will be run. If not, LiteRT checks it operation by operation, without XNNPACK, which takes
            for granted what operations of a damaged file may lack, and ends the process.
    """

    name = "LiteRT"

    def __init__(self, path: Path, threads: int | None = None, run: bool = True) -> None:
        self.path, self.threads = path, threads
        self.load_library()
        import ai_edge_litert
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.version = str(ai_edge_litert.__version__)
        with reading(path, _WHAT):
            content = path.read_bytes()
            if content[4:8] != b"TFL3":
                raise ModelError(f"{path} is not {_WHAT}: its identifier is {content[4:8]!r}, TFL3 is allowed")
            _refuse_without_graph(content)
            operations = OpResolverType.AUTO if run else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            with muted(2):
                self._interpreter: Any = Interpreter(
                    model_content=content,
                    num_threads=threads or os.cpu_count() or 1,
                    experimental_op_resolver_type=operations,
                )
                _refuse_missing_tensors(content)
                self._interpreter.allocate_tensors()
            self._describe(tflite_metadata(content), _signature_names(content))

    @classmethod
    def load_library(cls) -> None:  # noqa: D102  as Runtime says
        import ai_edge_litert.interpreter  # noqa: F401

    def _describe(self, metadata: dict[str, str], names: dict[int, str]) -> None:
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._index = {_name(detail, names): detail["index"] for detail in inputs + outputs}
        self._shapes = {_name(detail, names): tuple(int(n) for n in detail["shape"]) for detail in inputs}
        ports = ([_port(detail, names) for detail in details] for details in (inputs, outputs))
        self.interface = described(metadata, *ports)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)

        def call() -> None:
            shapes = {name: array.shape for name, array in inputs.items()}
            if shapes != self._shapes:
                for name, shape in shapes.items():
                    self._interpreter.resize_tensor_input(self._index[name], shape, strict=True)
                self._interpreter.allocate_tensors()
                self._shapes = shapes
            for name, array in inputs.items():
                self._interpreter.set_tensor(self._index[name], array)
            self._interpreter.invoke()

        running(self, call)
        return {port.name: self._interpreter.get_tensor(self._index[port.name]) for port in self.outputs}

    def stress(self, inputs: Mapping[str, Any]) -> Stressed | None:  # noqa: D102  as Runtime says
        from export_pipeline.formats.tflite import stress

        checked_inputs(self, inputs)
        arrays = {port.name: self._fitting(port, inputs[port.name]) for port in self.inputs}
        return cast("Stressed", running(self, lambda: stress.stress(self.path, list(arrays.values()))))


def _refuse_without_graph(content: bytes) -> None:
    """Refuse a file without any graph, of which LiteRT would take the first.

    Raises:
        ValueError: it has none.
    """
    from ai_edge_litert import schema_py_generated as schema

    if not schema.Model.GetRootAs(content, 0).SubgraphsLength():
        raise ValueError("it has no graph")


def _refuse_missing_tensors(content: bytes) -> None:
    """Refuse an operation without its first input or without an output, which LiteRT and XNNPACK would look for.

    Raises:
        ValueError: there is one.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for index in range(graph.OperatorsLength()):
            operator = graph.Operators(index)
            if operator.InputsLength() and operator.Inputs(0) < 0:
                raise ValueError(f"operation {index} lacks its first input")
            if any(operator.Outputs(place) < 0 for place in range(operator.OutputsLength())):
                raise ValueError(f"operation {index} lacks an output")


def tflite_metadata(content: bytes) -> dict[str, str]:
    """Text entries of a TFLite file's metadata; entries that are not text are left out."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    found = {}
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        buffer = model.Buffers(entry.Buffer())
        data = b"" if buffer.DataIsNone() else buffer.DataAsNumpy().tobytes()
        try:
            text = data.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            continue
        if text.isprintable():
            found[entry.Name().decode()] = text
    return found


def _signature_names(content: bytes) -> dict[int, str]:
    """Name by tensor number, from the file's first signature; empty when it has none."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    if model.SignatureDefsLength() == 0:
        return {}
    first = model.SignatureDefs(0)
    entries = [first.Inputs(i) for i in range(first.InputsLength())]
    entries += [first.Outputs(i) for i in range(first.OutputsLength())]
    return {entry.TensorIndex(): entry.Name().decode() for entry in entries}


def _name(detail: dict[str, Any], names: dict[int, str]) -> str:
    """The signature's name, else the tensor's."""
    return names.get(detail["index"], str(detail["name"]))


def _port(detail: dict[str, Any], names: dict[int, str]) -> Port:
    scale, zero_point = detail["quantization"]
    signature = [int(n) for n in detail["shape_signature"]] or [int(n) for n in detail["shape"]]
    shape = tuple(None if n < 0 else n for n in signature)
    # The batch is one at rest, whatever the signature allows.
    shape = (1, *shape[1:]) if len(shape) == 4 and shape[0] is None else shape
    return Port(
        name=_name(detail, names),
        shape=shape,
        dtype=np.dtype(detail["dtype"]).name,
        kind="tensor",
        scale=float(scale) or 1.0,
        zero_point=int(zero_point),
    )
