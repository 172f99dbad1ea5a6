"""The ONNX nodes that add many values up, in half precision (see ``halves.py``). A table by node type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from . import halves as hv
from .halves import Halves, Round

Attributes = Mapping[str, Any]
Node = Callable[..., np.ndarray]


def _axes(x: np.ndarray, axes: Any) -> list[int]:
    return list(range(x.ndim)) if axes is None or np.size(axes) == 0 else [int(axis) for axis in np.ravel(axes)]


def _reduction(before: Callable[..., Any] | None, after: Callable[..., Any] | None, mean: bool = False) -> Node:
    """A sum (or mean) of ``before(x)``, and ``after`` of it."""

    def node(h: Halves, attributes: Attributes, x: np.ndarray, axes: Any = None) -> np.ndarray:
        keep, where = bool(attributes.get("keepdims", 1)), _axes(x, axes)
        values = x if before is None else before(x)
        found = h.mean(values, where, keep) if mean else h.sum(values, where, keep)
        return found if after is None else h.rounded(after(found))

    return node


def _log_sum_exp(h: Halves, attributes: Attributes, x: np.ndarray, axes: Any = None) -> np.ndarray:
    where = _axes(x, axes)
    top = x.max(tuple(where), keepdims=True)
    found = h.rounded(np.log(h.sum(np.exp(x - top), where)) + top)
    return found if attributes.get("keepdims", 1) else np.squeeze(found, tuple(where))


def _product(h: Halves, attributes: Attributes, x: np.ndarray, axes: Any = None) -> np.ndarray:
    where = _axes(x, axes)
    found = h.compute(lambda r, x: hv.multiplied(r, x, where), x)
    return found if attributes.get("keepdims", 1) else np.squeeze(found, tuple(where))


def _softmax(h: Halves, attributes: Attributes, x: np.ndarray) -> np.ndarray:
    axis = attributes.get("axis", -1)
    powers = hv.half(np.exp(x - x.max(axis, keepdims=True)))
    return h.rounded(powers / h.sum(powers, [axis]))


def _instance_norm(h: Halves, attributes: Attributes, x: np.ndarray, gamma: Any, beta: Any) -> np.ndarray:
    axes, shape = list(range(2, x.ndim)), [-1, *[1] * (x.ndim - 2)]
    centred = h.rounded(x - h.mean(x, axes))
    variance = h.mean(centred * centred, axes)
    unit = h.rounded(centred / h.rounded(np.sqrt(variance + np.float32(attributes["epsilon"]))))
    return h.rounded(unit * gamma.reshape(shape) + beta.reshape(shape))


def _local_response(h: Halves, attributes: Attributes, x: np.ndarray) -> np.ndarray:
    size = int(attributes["size"])
    padded = np.pad(x, [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (x.ndim - 2)])
    squares = np.lib.stride_tricks.sliding_window_view(padded * padded, size, 1)
    share = np.float32(attributes["alpha"] / size)
    scale = np.float32(attributes["bias"]) + share * h.sum(squares, [-1], keep=False)
    return h.rounded(x / h.rounded(scale ** np.float32(attributes["beta"])))


def _average_pool(h: Halves, attributes: Attributes, x: np.ndarray) -> np.ndarray:
    views = hv.windows(x, attributes)
    return h.mean(views, list(range(x.ndim, views.ndim)), keep=False)


def _norm_pool(h: Halves, attributes: Attributes, x: np.ndarray) -> np.ndarray:
    views = hv.windows(x * x, attributes)
    return h.rounded(np.sqrt(h.sum(views, list(range(x.ndim, views.ndim)), keep=False)))


def _cumsum(h: Halves, attributes: Attributes, x: np.ndarray, axis: Any) -> np.ndarray:
    flags = bool(attributes.get("exclusive", 0)), bool(attributes.get("reverse", 0))
    return h.compute(lambda r, x: hv.running(r, x, int(np.ravel(axis)[0]), *flags), x)


def _mean(h: Halves, _: Attributes, *arrays: np.ndarray) -> np.ndarray:
    return h.mean(np.stack(np.broadcast_arrays(*arrays)), [0], keep=False)


class _Convolution:
    """``Conv`` or ``ConvTranspose``: one input channel (of each group) after another, each added to the accumulator."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __call__(self, h: Halves, attributes: Attributes, x: Any, weight: Any, bias: Any = None) -> np.ndarray:
        groups = int(attributes.get("group", 1))
        step = self._session(attributes, x.ndim)

        def convolve(r: Round, x: np.ndarray, weight: np.ndarray, *bias: np.ndarray) -> np.ndarray:
            found: Any = np.float32(0)
            for channels, filters in self._channels(x, weight, groups):
                found = r(found + r(step.run(None, {"x": channels, "w": filters})[0]))
            return r(found + bias[0].reshape(-1, *[1] * (x.ndim - 2))) if bias else np.asarray(found)

        return h.compute(convolve, x, weight, *([] if bias is None else [bias]))

    def _channels(self, x: np.ndarray, weight: np.ndarray, groups: int) -> Any:
        each = x.shape[1] // groups
        for index in range(each):
            filters = weight[index::each] if self._kind == "ConvTranspose" else weight[:, index : index + 1]
            yield np.ascontiguousarray(x[:, index::each]), np.ascontiguousarray(filters)

    def _session(self, attributes: Attributes, rank: int) -> ort.InferenceSession:
        node = helper.make_node(self._kind, ["x", "w"], ["y"], **attributes)
        names = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank) for name in "xwy"]
        graph = helper.make_graph([node], "partial_sum", names[:2], names[2:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        options = ort.SessionOptions()
        options.log_severity_level = 4
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


NODES: dict[str, Node] = {
    "AveragePool": _average_pool,
    "Conv": _Convolution("Conv"),
    "ConvTranspose": _Convolution("ConvTranspose"),
    "CumSum": _cumsum,
    "Einsum": lambda h, a, *xs: h.compute(lambda r, *v: hv.einsum(r, str(a["equation"].decode()), *v), *xs),
    "GlobalAveragePool": lambda h, _, x: h.mean(x, range(2, x.ndim)),
    "InstanceNormalization": _instance_norm,
    "LRN": _local_response,
    "LpPool": _norm_pool,
    "MatMul": lambda h, _, a, b: h.compute(hv.matmul, a, b),
    "Mean": _mean,
    "ReduceL1": _reduction(np.abs, None),
    "ReduceL2": _reduction(np.square, np.sqrt),
    "ReduceLogSum": _reduction(None, np.log),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMean": _reduction(None, None, mean=True),
    "ReduceProd": _product,
    "ReduceSum": _reduction(None, None),
    "ReduceSumSquare": _reduction(np.square, None),
    "Softmax": _softmax,
}
