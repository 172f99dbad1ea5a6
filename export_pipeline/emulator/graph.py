"""A small builder for ONNX graphs that always knows the type and shape of every tensor in it.

Three *carriers* hold every value of a Core ML program: float32 for all floats, int32 for all integers, bool for
truth values. A half-precision value travels as a float32 that is exactly representable in half precision, and
:meth:`Graph.round_half` puts it there. ONNX Runtime's own half-precision path on a CPU is no use for this: it widens
to float32, computes a whole chain of operations, and rounds once at the end, which hides the cost of half precision.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import EmulatorError
from . import kernels
from .tensors import HostStep, Options, Shape, Tensor, carrier, ints

__all__ = ["Graph", "HostStep", "Options", "Shape", "Tensor", "carrier", "ints", "value_info"]

OPSET = 21
_FOLDED = 1 << 16  # values; what tiny constants make beyond that is left to the run
IR_VERSION = 10  # what every ONNX Runtime that knows the opset reads

_DTYPES: dict[Any, int] = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int16): TensorProto.INT16,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint32): TensorProto.UINT32,
    np.dtype(np.uint16): TensorProto.UINT16,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.bool_): TensorProto.BOOL,
}
_NUMPY = {code: dtype for dtype, code in _DTYPES.items()}


class Graph:
    """Nodes, constants, inputs and outputs of one ONNX model under construction."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.nodes: list[onnx.NodeProto | HostStep] = []
        self.results: dict[str, str] = {}
        self.constants: dict[str, onnx.TensorProto] = {}
        self.tensors: dict[str, Tensor] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._small: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._opsets = [helper.make_opsetid("", OPSET)]

    def _name(self, stem: str) -> str:
        taken, numbers = set(self.results.values()), itertools.count(len(self.tensors))
        return next(name for n in numbers if (name := f"{stem}_{n}") not in self.tensors and name not in taken)

    def _register(self, name: str, dtype: Any, shape: Shape | None) -> Tensor:
        tensor = Tensor(name, np.dtype(dtype), shape)
        self.options.room(shape or (), tensor.dtype.itemsize)
        self.tensors[name] = tensor
        return tensor

    def input(self, name: str, dtype: Any, shape: Shape) -> Tensor:
        """Declare a graph input of the given type and shape."""
        self._inputs.append(helper.make_tensor_value_info(name, _DTYPES[np.dtype(dtype)], _dims(name, shape)))
        return self._register(name, dtype, shape)

    def output(self, name: str, tensor: Tensor) -> None:
        """Make *tensor* available under *name* as a graph output."""
        if tensor.dtype not in _DTYPES:
            self.results[name] = tensor.name
            return  # a label or a dictionary, which a host step makes
        # A tensor of its own: one may be two outputs. It goes by another name where an input has its own, or a tensor.
        own = self.results[name] = self._name(name) if name in self.tensors else name
        self.nodes.append(helper.make_node("Identity", [tensor.name], [own]))
        self._outputs.append(helper.make_tensor_value_info(own, _DTYPES[tensor.dtype], _dims(own, tensor.shape)))

    def constant(self, value: Any, dtype: Any = None) -> Tensor:
        """A constant, floats in their carrier unless *dtype* says otherwise; equal small ones are stored once."""
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        if dtype is None:
            dtype = np.float32 if array.dtype.kind == "f" else array.dtype
        array = array.astype(dtype, copy=False)
        key = (array.dtype.str, array.shape, array.tobytes() if array.size <= 64 else b"")
        if array.size <= 64 and key in self._small:
            return self._small[key]
        tensor = self._register(self._name("const"), array.dtype, array.shape)
        self.constants[tensor.name] = numpy_helper.from_array(array, tensor.name)
        if array.size <= 64:
            self._small[key] = tensor
        return tensor

    def node(self, op_type: str, *inputs: Any, **attributes: Any) -> Tensor:
        """Append a node with one output. Numbers become constants of the first tensor's type; None means absent."""
        first, wider = kernels.FIRST_OF_TYPE.get(op_type, 0), kernels.WIDER.get(op_type, {})
        dtype = getattr(inputs[first], "dtype", None) if wider else None
        if dtype not in wider:
            return self.nodes_out(op_type, 1, *inputs, **attributes)[0]
        typed = [self.cast(one, wider[dtype]) if _is(one, dtype) else one for one in inputs[first:]]
        return self.cast(self.nodes_out(op_type, 1, *inputs[:first], *typed, **attributes)[0], dtype)

    def nodes_out(self, op_type: str, count: int, *inputs: Any, **attributes: Any) -> list[Tensor]:
        """Append a node with *count* outputs."""
        like = next((i.dtype for i in inputs if isinstance(i, Tensor)), np.dtype(np.float32))
        tensors = [self._operand(value, like) for value in inputs]
        if op_type == "Shape" and tensors[0] and tensors[0].shape and None not in tensors[0].shape:
            return [self.constant(ints(tensors[0].sizes))]
        # ONNX Runtime leaves nodes alone that name an absent input at their end.
        while tensors and tensors[-1] is None:
            tensors.pop()
        names = [tensor.name if tensor else "" for tensor in tensors]
        outputs = [self._name(f"{op_type}_{i}") for i in range(count)]
        node = helper.make_node(op_type, names, outputs, **attributes)
        types = self._infer(node, [tensor for tensor in tensors if tensor])
        foldable = all(tensor and tensor.name in self.constants and _is_tiny(tensor) for tensor in tensors)
        if tensors and foldable and all(_count(types[name][1]) <= _FOLDED for name in outputs):
            return self._fold(node)
        made = [self._register(name, *types[name]) for name in outputs]
        self.append(node, types)
        return made

    def append(self, node: onnx.NodeProto, types: Mapping[str, tuple[Any, Shape | None]]) -> None:
        """Append a node whose outputs have *types*: NumPy types and shapes by name."""
        self.nodes.append(node)

    def fresh(self) -> Graph:
        """An empty graph of the same kind, for a part that is lowered later."""
        return Graph(self.options)

    def operation(self, name: str, kind: str, dtype: Any) -> AbstractContextManager[None]:
        """What is added while it lasts computes *name* of *dtype*, the result of an operation of type *kind*."""
        return contextlib.nullcontext()

    def as_declared(self, tensor: Tensor, dtype: Any, exact: bool) -> Tensor:
        """The result of an operation in the carrier of *dtype*, rounded to half precision unless it is *exact*."""
        held = self.cast(tensor, carrier(dtype))
        return self.round_half(held) if dtype == np.float16 and not exact and self.options.rounding else held

    def host(
        self,
        function: Callable[..., Sequence[Any]],
        inputs: Sequence[Tensor],
        outputs: Sequence[tuple[Any, Any]],
        work: int | str = 0,
    ) -> list[Tensor]:
        """Append a NumPy *function* from arrays to arrays. *outputs* are types and shapes (None: not known yet).

        *work* counts its multiply-accumulates, or says why they are not known.
        """
        made = [self._register(self._name("host"), dtype, shape) for dtype, shape in outputs]
        names = tuple(tensor.name for tensor in inputs), tuple(tensor.name for tensor in made)
        self.nodes.append(HostStep(function, *names, work))
        return made

    def shaped(self, tensor: Tensor, sizes: Sequence[int]) -> Tensor:
        """*tensor* as one whose shape is known to be *sizes*."""
        known = Tensor(tensor.name, tensor.dtype, tuple(sizes))
        self.tensors[tensor.name] = known
        return known

    def varying(self, tensor: Tensor) -> Tensor:
        """*tensor* as one that no lowering takes for a constant."""
        return self.host(lambda array: [array], [tensor], [(tensor.dtype, tensor.shape)])[0]

    def value_of(self, tensor: Tensor) -> np.ndarray | None:
        """The value of a constant, None for any other tensor."""
        found = self.constants.get(tensor.name)
        return None if found is None else numpy_helper.to_array(found)

    def _operand(self, value: Any, like: np.dtype[Any]) -> Tensor | None:
        if value is None or isinstance(value, Tensor):
            return value
        return self.constant(value, None if isinstance(value, np.ndarray) else like)

    def _fold(self, node: onnx.NodeProto) -> list[Tensor]:
        """Compute a node of small constants now: arithmetic on shapes must not hide the shapes."""
        from onnx.reference import ReferenceEvaluator

        values = {name: numpy_helper.to_array(self.constants[name]) for name in node.input}
        evaluator = ReferenceEvaluator(node, opsets={"": OPSET})
        return [self.constant(value, np.asarray(value).dtype) for value in evaluator.run(None, values)]

    def _infer(self, node: onnx.NodeProto, tensors: Sequence[Tensor]) -> dict[str, tuple[Any, Shape | None]]:
        given = {tensor.name: _type_proto(tensor) for tensor in tensors}
        known = (self.constants[name] for name in given if name in self.constants)
        data = {constant.name: constant for constant in known if _is_small(constant)}
        schema = onnx.defs.get_schema(node.op_type, OPSET, "")
        found = onnx.shape_inference.infer_node_outputs(
            schema, node, given, data, opset_imports=self._opsets, ir_version=IR_VERSION
        )
        return {name: _read_type(found[name].tensor_type) for name in node.output if name in found}

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        """*tensor* as *dtype*; the same tensor if it is already, or is no array."""
        if tensor.dtype == np.dtype(dtype) or tensor.dtype.kind == "O":
            return tensor
        return self.node("Cast", tensor, to=_DTYPES[np.dtype(dtype)])

    def round_half(self, tensor: Tensor) -> Tensor:
        """The nearest half-precision values (ties to even, overflow to infinity), carried in float32."""
        return self.cast(self.cast(tensor, np.float16), np.float32)

    def model(self) -> onnx.ModelProto:
        """The whole as one ONNX model. Raises EmulatorError if parts of it run in NumPy."""
        if any(isinstance(node, HostStep) for node in self.nodes):
            raise EmulatorError(f"{self.options.label} has operations that ONNX cannot say, so it is no ONNX model")
        return self.part(self.nodes, self._inputs, self._outputs, self.constants.values())

    def described(self, name: str) -> onnx.ValueInfoProto:
        """A tensor or an output as ONNX describes it."""
        return next((value for value in self._outputs if value.name == name), None) or value_info(self.tensors[name])

    def part(self, nodes: Any, inputs: Any, outputs: Any, constants: Any) -> onnx.ModelProto:
        """An ONNX model of some of the nodes."""
        graph = helper.make_graph(nodes, "coreml", inputs, outputs, initializer=list(constants))
        return helper.make_model(graph, opset_imports=self._opsets, ir_version=IR_VERSION, producer_name="coreml")


def value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    """*tensor* as an input or output of a model."""
    return helper.make_tensor_value_info(tensor.name, _DTYPES[tensor.dtype], _dims(tensor.name, tensor.shape))


def _dims(name: str, shape: Shape | None) -> list[int | str] | None:
    """A shape as ONNX writes it, with a name for each dimension that is not known."""
    return None if shape is None else [d if d is not None else f"{name}_{i}" for i, d in enumerate(shape)]


def _is(value: Any, dtype: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == dtype


def _is_tiny(tensor: Tensor) -> bool:
    return tensor.shape is not None and int(np.prod(tensor.sizes)) <= 64


def _count(shape: Shape | None) -> int:
    """How many values a tensor has at least."""
    return math.prod(size or 1 for size in shape or ())


def _is_small(tensor: onnx.TensorProto) -> bool:
    return int(np.prod(tensor.dims)) <= 1024


def _type_proto(tensor: Tensor) -> onnx.TypeProto:
    return helper.make_tensor_type_proto(_DTYPES[tensor.dtype], tensor.shape)


def _read_type(proto: onnx.TypeProto.Tensor) -> tuple[Any, Shape | None]:
    shape: Shape | None = None
    if proto.HasField("shape"):
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in proto.shape.dim)
    return _NUMPY[proto.elem_type], shape
