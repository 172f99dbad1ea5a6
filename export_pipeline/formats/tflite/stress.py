"""TFLite operations with half-precision accumulators, each judged by itself.

LiteRT runs the file in float32 and gives what every operation takes. From that the sums of the operation are made again
as hardware makes them that adds up in half precision (``emulator/arrays/halves.py`` says in which order), and the
result is held against the range of half precision. A GPU delegate that computes in half precision stores results so;
how wide it adds up differs from version to version.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.quiet import muted
from export_pipeline.emulator.arrays import halves as hv
from export_pipeline.emulator.arrays.half_nodes import NODES
from export_pipeline.formats.stress import Lost, Stressed
from export_pipeline.formats.tflite.contents import values_of
from export_pipeline.formats.tflite.graph import UNPACKS, Node, opened, shape_of

_FLOATS = ("FLOAT16", "FLOAT32")
# What is held at a time of what operations take and give; a picture of 640x480 with 9 channels has 12 MB.
_ROOM = 256_000_000
_SAME = 0  # padding, as the schema numbers it


def stress(path: Path, inputs: Sequence[np.ndarray]) -> Stressed:
    """Stress the first graph of a file.

    Args:
        path: a file that LiteRT opens.
        inputs: an array for each input of the graph, in its order and types.
    """
    return _Stress(path, inputs).run()


@dataclass(eq=False)
class _Stress:
    path: Path
    inputs: Sequence[np.ndarray]
    _lost: dict[int, Lost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._model, self._graph, self._nodes = opened(self.path)
        self._kinds = {index: kind for node in self._nodes for index, kind in node.types.items()}
        self._maker = {index: node for node in self._nodes for index in node.given}
        # A flexible file has the shapes of its first size.
        first = sum(math.prod(shape_of(self._graph.tensors[index])) for index in self._graph.inputs)
        self._scale = sum(array.size for array in self.inputs) / max(first, 1)

    def run(self) -> Stressed:
        """Every operation in floats."""
        floats = [
            (place, node)
            for place, node in enumerate(self._nodes)
            if node.kind not in UNPACKS and node.given and node.types[node.given[0]] in _FLOATS
        ]
        for part in _parts(floats, self._needs):
            wanted = sorted({index for _, node in part for index in self._needs(node)})
            values = self._values(wanted)
            for place, node in part:
                self._judge(place, node, values)
        return Stressed(len(floats), [self._lost[place] for place in sorted(self._lost)], None)

    def _needs(self, node: Node) -> dict[int, int]:
        """Numbers of the tensors that judging *node* takes, with their sizes."""
        taken = node.taken if node.kind in _SUMS else ()
        computed = [index for index in taken if self._constant(index) is None]
        return {index: int(np.prod(node.shapes[index]) * self._scale) for index in (*computed, node.given[0])}

    def _constant(self, index: int) -> np.ndarray | None:
        """The values of a constant, unpacked; ``None`` for what is computed."""
        while (maker := self._maker.get(index)) is not None and maker.kind in UNPACKS:
            index = maker.taken[0]
        tensor = self._graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        if index in self._maker or data is None or not len(data):
            return None
        return values_of(tensor, data, self._kinds[index])

    def _values(self, wanted: Sequence[int]) -> dict[int, np.ndarray]:
        """What the tensors *wanted* hold in a run; those that are inputs are known."""
        from ai_edge_litert.interpreter import Interpreter

        entries = [int(index) for index in self._graph.inputs]
        found = {index: array for index, array in zip(entries, self.inputs, strict=True) if index in wanted}
        asked = [index for index in wanted if index not in found]
        with muted(2):
            interpreter: Any = Interpreter(model_content=_giving(self.path, asked), num_threads=1)
            for index, array in zip(entries, self.inputs, strict=True):
                interpreter.resize_tensor_input(index, array.shape)  # a flexible file is opened at its first size
            interpreter.allocate_tensors()
            for index, array in zip(entries, self.inputs, strict=True):
                interpreter.set_tensor(index, array)
            interpreter.invoke()
        return found | {index: interpreter.get_tensor(index) for index in asked}

    def _judge(self, place: int, node: Node, values: Mapping[int, np.ndarray]) -> None:
        def lost(largest: float, _: Any = None) -> None:
            worst = max(largest, self._lost[place].largest) if place in self._lost else largest
            self._lost[place] = Lost(node.kind, f"operation {place}", worst)

        result = values[node.given[0]]
        largest = float(np.max(np.abs(result), initial=0.0))
        if not np.isfinite(hv.half(largest)):
            lost(largest)
        if node.kind in _SUMS:
            taken = [values[index] if index in values else self._constant(index) for index in node.taken]
            _SUMS[node.kind](hv.Halves(lost), node, taken)


def _parts(
    floats: Sequence[tuple[int, Node]], needs: Callable[[Node], Mapping[int, int]]
) -> Iterator[list[tuple[int, Node]]]:
    """*floats* in stretches whose tensors fit into :data:`_ROOM` together."""
    part: list[tuple[int, Node]] = []
    held: dict[int, int] = {}
    for place, node in floats:
        more = held | dict(needs(node))
        if part and 4 * sum(more.values()) > _ROOM:
            yield part
            part, more = [], dict(needs(node))
        part.append((place, node))
        held = more
    if part:
        yield part


def _giving(path: Path, wanted: Sequence[int]) -> bytes:
    """The file with the tensors *wanted* as what its graph gives."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    model.subgraphs[0].outputs = np.asarray(wanted, np.int32)
    model.signatureDefs = []
    builder = schema.flatbuffers.Builder(1024)  # the library that it is written with
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


_Sum = Callable[[hv.Halves, Node, list[Any]], Any]


def _first(x: np.ndarray) -> np.ndarray:
    """``(N, H, W, C)`` with the channels first."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def _pads(
    node: Node, size: Sequence[int], kernel: Sequence[int], steps: Sequence[int], gaps: Sequence[int]
) -> list[int]:
    """Zeros before and after each axis, as ``SAME`` has them."""
    if node.option("padding") != _SAME:
        return [0, 0, 0, 0]
    totals = [
        max((-(-n // step) - 1) * step + (k - 1) * gap + 1 - n, 0)
        for n, k, step, gap in zip(size, kernel, steps, gaps, strict=True)
    ]
    return [*(total // 2 for total in totals), *(total - total // 2 for total in totals)]


def _steps(node: Node) -> list[int]:
    return [int(node.option("strideH", 1)), int(node.option("strideW", 1))]


def _convolution(h: hv.Halves, node: Node, taken: list[Any]) -> None:
    x, kernel, *bias = taken
    depthwise = node.kind == "DEPTHWISE_CONV_2D"
    weights = np.transpose(kernel, (3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    gaps = [int(node.option("dilationHFactor", 1)), int(node.option("dilationWFactor", 1))]
    attributes = {
        "strides": _steps(node),
        "dilations": gaps,
        "pads": _pads(node, x.shape[1:3], kernel.shape[1:3], _steps(node), gaps),
        "group": x.shape[-1] // weights.shape[1] if not depthwise else x.shape[-1],
    }
    NODES["Conv"](h, attributes, _first(x), np.ascontiguousarray(weights), *bias)


def _transposed(h: hv.Halves, node: Node, taken: list[Any]) -> None:
    _, kernel, x, *bias = taken
    steps, size = _steps(node), kernel.shape[1:3]
    same = node.option("padding") == _SAME
    over = [max(k - step, 0) if same else 0 for k, step in zip(size, steps, strict=True)]
    pads = [*(total // 2 for total in over), *(total - total // 2 for total in over)]
    weights = np.ascontiguousarray(np.transpose(kernel, (3, 0, 1, 2)))
    NODES["ConvTranspose"](h, {"strides": steps, "pads": pads}, _first(x), weights, *bias)


def _dense(h: hv.Halves, _: Node, taken: list[Any]) -> None:
    x, kernel = taken[:2]
    h.compute(hv.matmul, x.reshape(-1, kernel.shape[-1]), kernel.T)


def _product(h: hv.Halves, node: Node, taken: list[Any]) -> None:
    pairs = zip(taken[:2], (node.option("adjX", False), node.option("adjY", False)), strict=True)
    h.compute(hv.matmul, *(np.swapaxes(array, -1, -2) if turned else array for array, turned in pairs))


def _reduction(h: hv.Halves, node: Node, taken: list[Any]) -> None:
    axes = [int(axis) for axis in np.ravel(taken[1])]
    (h.mean if node.kind == "MEAN" else h.sum)(taken[0], axes)


def _pool(h: hv.Halves, node: Node, taken: list[Any]) -> None:
    size = [int(node.option("filterHeight")), int(node.option("filterWidth"))]
    pads = _pads(node, taken[0].shape[1:3], size, _steps(node), [1, 1])
    NODES["AveragePool"](h, {"kernel_shape": size, "strides": _steps(node), "pads": pads}, _first(taken[0]))


_SUMS: dict[str, _Sum] = {
    "AVERAGE_POOL_2D": _pool,
    "BATCH_MATMUL": _product,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
    "MEAN": _reduction,
    "SOFTMAX": lambda h, node, taken: NODES["Softmax"](h, {}, taken[0]),
    "SUM": _reduction,
    "TRANSPOSE_CONV": _transposed,
}
