"""TFLite files that remember: what writes a variable has no output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from export_pipeline.report import Inspection, inspect

IDENTIFIER = b"TFL3"


def _tensor(name: str, kind: int, shape: list[int]) -> Any:
    made = schema.TensorT()
    made.name, made.type, made.shape, made.buffer = name.encode(), kind, shape, 0
    return made


def _remembers() -> bytes:
    """A file that stores its input in a variable and gives what it reads from there."""
    codes = [schema.BuiltinOperator.VAR_HANDLE, schema.BuiltinOperator.ASSIGN_VARIABLE,
             schema.BuiltinOperator.READ_VARIABLE]  # fmt: skip
    model, graph = schema.ModelT(), schema.SubGraphT()
    graph.tensors = [
        _tensor("x", schema.TensorType.FLOAT32, [2]),
        _tensor("handle", schema.TensorType.RESOURCE, []),
        _tensor("y", schema.TensorType.FLOAT32, [2]),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [2], []
    model.operatorCodes = []
    for index, (code, inputs, outputs) in enumerate(zip(codes, ([], [1, 0], [1]), ([1], [], [2]), strict=True)):
        kind, operator = schema.OperatorCodeT(), schema.OperatorT()
        kind.builtinCode, kind.deprecatedBuiltinCode, kind.version = code, 127, 1
        operator.opcodeIndex, operator.inputs, operator.outputs = index, inputs, outputs
        model.operatorCodes.append(kind)
        graph.operators.append(operator)
    options = schema.VarHandleOptionsT()
    options.container, options.sharedName = b"", b"v"
    graph.operators[0].builtinOptionsType = schema.BuiltinOptions.VarHandleOptions
    graph.operators[0].builtinOptions = options
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def test_a_file_with_a_variable_is_inspected(tmp_path: Path) -> None:
    path = tmp_path / "remembers.tflite"
    path.write_bytes(_remembers())
    found = inspect(path)
    assert isinstance(found, Inspection)
    assert found.contents.operations == {"VAR_HANDLE": 1, "ASSIGN_VARIABLE": 1, "READ_VARIABLE": 1}
    assert found.contents.precisions == {"resource": 1, "float32": 1}
