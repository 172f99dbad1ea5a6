"""A Core ML model becomes an ONNX model: its operations, in their order. Nothing is optimized here."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .block import Block, Env, Routine
from .calls import Call, Constants, Weights, declared_dtype
from .features import features
from .features import states as declared_states
from .graph import Graph, Tensor, carrier
from .guard import guarded
from .lower_network import lower_network
from .moves import reshape
from .program import Source, load_pymil, program_function, walk_operations
from .registry import operations, refuse_unknown

AS_WRITTEN = "as_written"
FLOAT32 = "float32"
STATE = "state:"  # before the name of a graph output that is the new value of a state


def lower_model(source: Source, shapes: Mapping[str, tuple[int, ...]], graph: Graph) -> Graph:
    """Lower *source* for input *shapes* (by input name) into *graph*, which is empty, and return that.

    Raises UnsupportedOperationError naming every unknown operation at once, EmulatorError for a malformed program.
    """
    with guarded(source.label):
        if source.format == "mlProgram":
            _lower_program(source, shapes, graph)
        else:
            lower_network(source, shapes, graph)
    return graph


class ProgramBlock(Block):
    """Operations of an ML program."""

    def __init__(self, items: Sequence[Any], gives: Sequence[Any], weights: Weights, depth: int = 0) -> None:
        super().__init__(items, gives, depth)
        self.weights = weights
        self._constants: tuple[Graph, Constants] | None = None

    def rest(self, items: Sequence[Any]) -> ProgramBlock:
        """What is left of the block."""
        return ProgramBlock(items, self.gives, self.weights, self.depth + 1)

    def uses(self, item: Any) -> Iterable[Hashable]:
        """Arguments, and what nested blocks read or give."""
        yield from item.get_flattened_inputs()
        for block in item.blocks:
            for operation in block.operations:
                yield from self.uses(operation)
            yield from block.outputs

    def carrier_of(self, key: Any) -> np.dtype[Any]:
        """By the declared type of a variable."""
        return carrier(declared_dtype(key))

    def result(self, key: Any, graph: Graph, env: Env) -> Tensor:
        """A variable, which may be a constant."""
        return env[key] if key in env else self._stored(graph).tensor(key)

    def routine(self, block: Any, graph: Graph, env: Env, states: Sequence[Any] = ()) -> Routine:
        """A nested block as a function of its inputs, of *states* and then of what it captures.

        It gives its outputs and then the new values of *states*.
        """
        inside = ProgramBlock(list(block.operations), [*block.outputs, *states], self.weights, self.depth + 1)
        return Routine(inside, graph, env, [*block.inputs, *states])

    def _stored(self, graph: Graph) -> Constants:
        if self._constants is None or self._constants[0] is not graph:
            self._constants = (graph, Constants(graph, self.weights))
        return self._constants[1]

    def lower_item(self, item: Any, graph: Graph, env: Env) -> None:
        """Lower one operation and round its results as their types say."""
        writes = item.op_type == "coreml_update_state" or item.blocks
        if all(constants_known(var) for var in item.outputs) and not writes:
            return
        lowering = operations()[item.op_type]
        name = item.outputs[0].name
        with graph.operation(name, item.op_type, declared_dtype(item.outputs[0])):
            with guarded(f"operation {item.op_type!r} ({name!r})"):
                results = lowering.function(Call(item, graph, env, self._stored(graph), self))
            tensors = [results] if isinstance(results, Tensor) else list(results)
            for var, tensor in zip(item.outputs, tensors, strict=True):
                env[var] = graph.as_declared(tensor, declared_dtype(var), lowering.exact)


def _lower_program(source: Source, shapes: Mapping[str, tuple[int, ...]], graph: Graph) -> None:
    used = [operation.type for operation in walk_operations(program_function(source.spec))]
    refuse_unknown([name for name in used if name != "write_state"], operations(), "operations")
    function = load_pymil(source, graph.options, shapes)
    env: Env = {}
    states = {}
    _check_interface(function, shapes, {feature.name for feature in declared_states(source)}, source.label)
    images = {port.name for port in features(source)[0] if port.kind == "image"}  # handed over as float32
    for name, var in function.inputs.items():
        dtype, shape = declared_dtype(var), _static(var)
        given = graph.input(name, np.float32 if name in images else dtype, shape)
        env[var] = graph.as_declared(given, dtype, exact=given.dtype == dtype)
        if _is_state(var):
            states[name] = var
    gives = [*function.outputs, *states.values()]
    block = ProgramBlock(list(function.operations), gives, Weights(graph.options))
    block.lower(graph, env)
    for var in function.outputs:
        result = graph.cast(block.result(var, graph, env), declared_dtype(var))
        # Core ML has no array without axes: a scalar is given as a vector of one element.
        graph.output(var.name, reshape(graph, result, [1]) if result.shape == () else result)
    for name, var in states.items():
        graph.output(STATE + name, graph.cast(env[var], declared_dtype(var)))


def _check_interface(function: Any, shapes: Mapping[str, tuple[int, ...]], states: set[str], label: str) -> None:
    """The description of a model is apart from its program, so they may disagree."""
    taken = {name: len(var.shape) for name, var in function.inputs.items() if not _is_state(var)}
    described = {name: len(shape) for name, shape in shapes.items()}
    remembered = {name for name, var in function.inputs.items() if _is_state(var)}
    for what, agree in (("inputs", taken == described), ("states", remembered == states)):
        if not agree:
            raise EmulatorError(f"{label} is malformed: its description and its program disagree about its {what}")


def _is_state(var: Any) -> bool:
    from coremltools.converters.mil.mil import types

    return bool(types.is_state(var.sym_type))


def constants_known(var: Any) -> bool:
    """Whether a PyMIL variable needs no lowering, its value being known."""
    return var.val is not None or (var.op is not None and var.op.op_type.startswith("constexpr_"))


def _static(var: Any) -> tuple[int, ...]:
    shape = var.sym_type.wrapped_type().get_shape() if _is_state(var) else var.shape
    try:
        return tuple(int(size) for size in shape)
    except TypeError:
        raise EmulatorError(f"the size of input {var.name!r} is not known; pass an input of the wanted size") from None
