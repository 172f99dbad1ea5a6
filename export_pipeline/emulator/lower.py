"""A Core ML model becomes an ONNX model: its operations, in their order. Nothing is optimized here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .calls import Call, Constants, declared_dtype
from .graph import Graph, Tensor, carrier
from .guard import guarded
from .lower_network import lower_network
from .program import Source, load_pymil, program_function, walk_operations
from .registry import Lowering, operations, refuse_unknown

AS_WRITTEN = "as_written"
FLOAT32 = "float32"


def lower_model(source: Source, shapes: Mapping[str, tuple[int, ...]], compute: str = AS_WRITTEN) -> Graph:
    """Lower *source* for input *shapes* (by input name).

    ``compute="float32"`` leaves out every rounding to half precision. Raises UnsupportedOperationError naming every
    unknown operation at once, EmulatorError for a malformed program.
    """
    with guarded(source.label):
        if source.format == "mlProgram":
            return _lower_program(source, shapes, rounding=compute == AS_WRITTEN)
        return lower_network(source, shapes)


def _lower_program(source: Source, shapes: Mapping[str, tuple[int, ...]], rounding: bool) -> Graph:
    table = operations()
    used = [operation.type for operation in walk_operations(program_function(source.spec))]
    refuse_unknown(used, table, "operations")
    function = load_pymil(source, shapes)
    graph, env = Graph(), {}
    constants = Constants(graph)
    for name, var in function.inputs.items():
        dtype = declared_dtype(var)
        env[var] = graph.cast(graph.input(name, dtype, _static(var)), carrier(dtype))
    for operation in function.operations:
        if all(constants_known(var) for var in operation.outputs):
            continue
        results = _lower_operation(Call(operation, graph, env, constants), table, rounding)
        env.update(zip(operation.outputs, results, strict=True))
    for var in function.outputs:
        tensor = env[var] if var in env else constants.tensor(var)
        graph.output(var.name, graph.cast(tensor, declared_dtype(var)))
    return graph


def constants_known(var: Any) -> bool:
    """Whether a PyMIL variable needs no lowering, its value being known."""
    return var.val is not None or (var.op is not None and var.op.op_type.startswith("constexpr_"))


def _lower_operation(call: Call, table: Mapping[str, Lowering], rounding: bool) -> list[Tensor]:
    lowering = table[call.operation.op_type]
    with guarded(f"operation {call.operation.op_type!r} ({call.operation.outputs[0].name!r})"):
        results = lowering.function(call)
    tensors = [results] if isinstance(results, Tensor) else list(results)
    graph = call.graph
    for index, (var, tensor) in enumerate(zip(call.operation.outputs, tensors, strict=True)):
        dtype = declared_dtype(var)
        tensor = graph.cast(tensor, carrier(dtype))
        half = dtype == np.float16 and not lowering.exact
        tensors[index] = graph.round_half(tensor) if half and rounding else tensor
    return tensors


def _static(var: Any) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in var.shape)
    except TypeError:
        raise EmulatorError(f"the size of input {var.name!r} is not known; pass an input of the wanted size") from None
