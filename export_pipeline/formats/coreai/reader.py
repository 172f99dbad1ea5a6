"""What lies in a program: ports, operations and constants. It runs in the worker."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats.coreai import bytecode

_PREFIX = "coreai."
_NAME = "coreai.name"
_FLOATS = {"f16": "float16", "f32": "float32", "f64": "float64", "bf16": "bfloat16", "i1": "bool"}
_WHOLE = re.compile(r"(si|ui)(\d+)")
# A constant of one number is the size of an image where it meets one; that large it is no weight.
_MOST_REPEATED = 1 << 16
# Operations of a program, those of a function as often as it is called: its functions may call one another.
_MOST_OPERATIONS = 1_000_000
_CALLEE = re.compile(r"@(\w+)")
# Types whose values NumPy holds as they lie.
_PLAIN = ("float16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def read(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """All public functions of the program in the file *path*, and the values of their constants.

    A function is ``{"name", "inputs", "outputs", "operations"}``; a port ``{"name", "shape", "dtype"}``; an operation
    ``{"name", "operands", "results", "array", "repeated"}``, where operands and results have numbers, results also a
    shape and a type, ``array`` is the number of a constant's values among the arrays, and ``repeated`` says that all of
    them are one. What calls a private function is replaced by the operations of that.
    """
    largest = 8 * max(path.stat().st_size, _MOST_REPEATED)
    module = bytecode.read(path)
    graphs = [each for each in bytecode.operations(module.operation) if each.name == f"{_PREFIX}graph"]
    walk = _Walk({graph.opview.sym_name.value: graph for graph in graphs}, largest)
    return {"functions": [walk.function(graph) for graph in graphs if "priv" not in graph.attributes]}, walk.arrays


class _Walk:
    """Goes through functions and all that they call."""

    def __init__(self, graphs: dict[str, Any], largest: int) -> None:
        self.arrays: list[np.ndarray] = []
        self._graphs, self._largest = graphs, largest
        self._places: dict[Any, int | None] = {}  # of constants among the arrays, for one may be met several times
        self._values = self._operations = 0

    def function(self, graph: Any) -> dict[str, Any]:
        (block,) = graph.regions[0].blocks
        view = graph.opview
        inputs = [_port(_named(view.arg_attrs, index), value) for index, value in enumerate(block.arguments)]
        self._values = len(inputs)
        operations: list[dict[str, Any]] = []
        self._run(graph, list(range(len(inputs))), operations, ())
        last = block.operations[len(block.operations) - 1].operation
        outputs = [_port(_named(view.res_attrs, index), value) for index, value in enumerate(last.operands)]
        return {"name": view.sym_name.value, "inputs": inputs, "outputs": outputs, "operations": operations}

    def _run(self, graph: Any, given: list[int], made: list[dict[str, Any]], above: tuple[str, ...]) -> list[int]:
        """Append the operations of *graph* to *made*; the numbers of what it gives."""
        (block,) = graph.regions[0].blocks
        numbers: dict[Any, int] = dict(zip(block.arguments, given, strict=True))
        for each in block.operations:
            operation = each.operation
            name = operation.name.removeprefix(_PREFIX)
            operands = [numbers[value] for value in operation.operands]
            if name == "output":
                return operands
            self._operations += 1
            if self._operations > _MOST_OPERATIONS:
                raise ValueError(f"it has more than {_MOST_OPERATIONS:,} operations")
            if name == "invoke":
                given_back = self._called(operation, operands, made, above)
                numbers |= dict(zip(operation.results, given_back, strict=True))
                continue
            for value in operation.results:
                numbers[value] = self._values
                self._values += 1
            typed = [{"number": numbers[value], **_typed(value)} for value in operation.results]
            array = self._array(operation, typed[0]) if name == "constant" else None
            repeated = array is not None and _is_repeated(operation)
            made.append({"name": name, "operands": operands, "results": typed, "array": array, "repeated": repeated})
        raise ValueError("a function has no end")

    def _called(self, call: Any, operands: list[int], made: list[dict[str, Any]], above: tuple[str, ...]) -> list[int]:
        found = _CALLEE.search(str(call.attributes["callee"]))
        name = found[1] if found else ""
        if name not in self._graphs:
            raise ValueError(f"it calls a function {name!r} that it does not have")
        if name in above:
            raise ValueError(f"its function {name!r} calls itself")
        return self._run(self._graphs[name], operands, made, (*above, name))

    def _array(self, constant: Any, result: dict[str, Any]) -> int | None:
        value = constant.results[0]
        if value not in self._places:
            self._places[value] = _values(constant, result, self.arrays, self._largest)
        return self._places[value]


def _named(attributes: Any, index: int) -> str:
    each = attributes[index]
    return str(each[_NAME].value) if _NAME in each else f"port{index}"


def _port(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, **_typed(value)}


def _typed(value: Any) -> dict[str, Any]:
    """Shape, with ``None`` for an open length, and type of a value; an image has its own words for a type."""
    kind = value.type
    if not hasattr(kind, "element_type") or not hasattr(kind, "shape"):
        return {"shape": [], "dtype": str(kind)}
    shape = [None if kind.is_dynamic_dim(axis) else kind.shape[axis] for axis in range(kind.rank)]
    text = str(kind.element_type)
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        text = f"{'int' if whole[1] == 'si' else 'uint'}{whole[2]}"
    return {"shape": shape, "dtype": _FLOATS.get(text, text)}


def _values(operation: Any, made: dict[str, Any], arrays: list[np.ndarray], largest: int) -> int | None:
    """The number of a constant's values among *arrays*; those of fewer than eight bits are uint8 there.

    One of more than *largest* values, as many as the file has bits, is damaged.
    """
    dtype = made["dtype"]
    count = math.prod(length or 0 for length in made["shape"])
    if None in made["shape"] or (count > _MOST_REPEATED and _is_repeated(operation)):
        return None
    if count > largest:
        raise ValueError(f"a constant of {count:,} values is more than its program can hold")
    if dtype in _PLAIN:
        arrays.append(_copied(operation, count * np.dtype(dtype).itemsize).view(dtype).reshape(made["shape"]))
    elif re.fullmatch(r"uint[1-7]", dtype):
        bits = int(dtype.removeprefix("uint"))
        flags = np.unpackbits(_copied(operation, -(-count * bits // 8)), bitorder="little")[: count * bits]
        whole = np.zeros((count, 8), np.uint8)
        whole[:, :bits] = flags.reshape(count, bits)
        arrays.append(np.packbits(whole, axis=1, bitorder="little").reshape(made["shape"]))
    else:
        return None
    return len(arrays) - 1


def _is_repeated(operation: Any) -> bool:
    """Whether a constant is one number over and over, which is stored once."""
    from coreai._compiler.ir import DenseElementsAttr

    held = operation.attributes["value"]
    return bool(DenseElementsAttr.isinstance(held) and DenseElementsAttr(held).is_splat)


def _copied(operation: Any, size: int) -> np.ndarray:
    from coreai._compiler._mlir_libs._coreaiIR._bindings.compiler import copy_constant_value_to_array

    content = np.zeros(size, np.uint8)
    copy_constant_value_to_array(constant_op=operation, destination=content)
    return content
