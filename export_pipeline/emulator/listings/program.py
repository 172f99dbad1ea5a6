"""Lists an ML program from its protobuf."""

from __future__ import annotations

from typing import Any

from ...errors import EmulatorError
from ..program import Source
from .constants import Constants, value_of
from .neural_engine import notes
from .nouns import Body, Listing, Step, listing_of

_DEEPEST = 64
_BLOCKS = {"cond": ("then", "else"), "while_loop": ("while", "do")}


def program_listing(source: Source) -> Listing:
    """Every function, the one that runs by default first."""
    functions = source.spec.mlProgram.functions
    default = source.spec.description.defaultFunctionName or "main"
    bodies, blockwise = [], 0
    for name in sorted(functions, key=lambda name: (name != default, name)):
        constants = Constants()
        bodies.append(_function(name, functions[name], constants))
        blockwise += constants.blockwise
    return listing_of(bodies, notes(source, bodies, blockwise))


def _function(name: str, function: Any, constants: Constants) -> Body:
    if function.opset not in function.block_specializations:
        raise EmulatorError(f"function {name!r} has no block for its opset {function.opset!r}")
    inputs = tuple(value_of(value) for value in function.inputs)
    block = function.block_specializations[function.opset]
    return Body(f"function {name}", inputs, _steps(block, constants, 0), tuple(block.outputs))


def _steps(block: Any, constants: Constants, depth: int) -> tuple[Step, ...]:
    if depth > _DEEPEST:
        raise EmulatorError(f"the program nests blocks more than {_DEEPEST} deep")
    return tuple(_step(item, constants, depth) for item in block.operations if not constants.take(item))


def _step(operation: Any, constants: Constants, depth: int) -> Step:
    names = _ordered(operation)
    bindings = {name: operation.inputs[name].arguments for name in names}
    titles = _BLOCKS.get(operation.type, ())
    blocks = tuple(
        Body(
            titles[i] if i < len(titles) else f"block {i}",
            tuple(value_of(value) for value in block.inputs),
            _steps(block, constants, depth + 1),
            tuple(block.outputs),
        )
        for i, block in enumerate(operation.blocks)
    )
    return Step(
        str(operation.type),
        tuple(value_of(value) for value in operation.outputs),
        tuple((name, constants.words(found)) for name, found in bindings.items()),
        sum(constants.bytes(found) for found in bindings.values()),
        blocks,
    )


def _ordered(operation: Any) -> list[str]:
    """The names of the arguments, in the order in which the operation is defined."""
    from ..coremltools_quietly import coremltools

    coremltools()
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    variants = SSAOpRegistry.core_ops.get(operation.type, {})
    known = [name for variant in variants.values() for name in variant.input_spec.input_types]
    order = {name: number for number, name in reversed(list(enumerate(known)))}
    return sorted(operation.inputs, key=lambda name: (order.get(name, len(order)), name))
