"""Recurrent networks of both model formats, as ONNX's LSTM, GRU and RNN. Gates come as Core ML orders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays.recurrent import lstm
from .graph import Graph, Tensor, ints

Activation = tuple[str, "float | None", "float | None"]  # what ONNX calls it, and its numbers, if it has any
ACTIVATIONS: dict[str, Activation] = {
    "tanh": ("Tanh", None, None), "sigmoid": ("Sigmoid", None, None), "relu": ("Relu", None, None),
    "linear": ("Affine", 1.0, 0.0), "hard_sigmoid": ("HardSigmoid", 0.2, 0.5),
    "sigmoid_hard": ("HardSigmoid", 0.2, 0.5), "scaled_tanh": ("ScaledTanh", 1.0, 1.0),
}  # fmt: skip
_NO_CLIP = 500.0  # what converters write for a cell that is not to be clipped
# Gates in Core ML's order, and where ONNX wants each: i f o z to i o f c; r o z to z r h.
_ORDERS = {"LSTM": [0, 2, 1, 3], "GRU": [2, 0, 1], "RNN": [0]}
_PEEPHOLES = [0, 2, 1]  # i f o to i o f


@dataclass(frozen=True)
class Direction:
    """The weights of one direction: ``weight [G*H, I]``, ``recurrent [G*H, H]``, ``bias [G*H]``, ``peephole [3*H]``."""

    weight: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray | None = None
    peephole: np.ndarray | None = None
    input_bias: np.ndarray | None = None


@dataclass(frozen=True)
class Cell:
    """A recurrent layer. ``kind`` is LSTM, GRU or RNN, ``direction`` ONNX's word.

    The reset gate of a GRU is applied to the state, with ``reset_after`` to its product with the weights and its bias.
    The formula in Core ML Tools' words shows the second for both; Apple's tests of Core ML hold the first.
    """

    kind: str
    directions: Sequence[Direction]
    activations: Sequence[Activation]
    direction: str = "forward"
    clip: float | None = None
    coupled: bool = False
    reset_after: bool = False


def _gates(array: np.ndarray, order: Sequence[int]) -> np.ndarray:
    parts = np.split(np.asarray(array, np.float32), len(order))
    return np.concatenate([parts[i] for i in order])


def _stacked(cell: Cell, name: str, order: Sequence[int]) -> np.ndarray:
    return np.stack([_gates(getattr(direction, name), order) for direction in cell.directions])


def _biases(cell: Cell) -> np.ndarray:
    rows = []
    for one in cell.directions:
        size = len(one.weight)
        zero = np.zeros(size, np.float32)
        inputs = zero if one.input_bias is None else one.input_bias
        hidden = zero if one.bias is None else one.bias
        rows.append(np.concatenate([_gates(bias, _ORDERS[cell.kind]) for bias in (inputs, hidden)]))
    return np.stack(rows)


def _attributes(cell: Cell) -> dict[str, Any]:
    chosen = list(cell.activations) * len(cell.directions)
    direction = "bidirectional" if len(cell.directions) == 2 else "forward"
    attributes: dict[str, Any] = {"activations": [name for name, _, _ in chosen], "direction": direction}
    # ONNX Runtime hands the numbers to those that take some, in their order.
    alphas, betas = ([one[i] for one in chosen if one[i] is not None] for i in (1, 2))
    if alphas:
        attributes["activation_alpha"] = alphas
    if betas:
        attributes["activation_beta"] = betas
    if cell.kind == "GRU":
        attributes["linear_before_reset"] = int(cell.reset_after)
    if cell.kind == "LSTM" and cell.coupled:
        attributes["input_forget"] = 1
    return attributes


def _clipped(graph: Graph, cell: Cell, x: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
    """A network with a clipped cell, in NumPy."""
    count, hidden, limit = len(cell.directions), cell.directions[0].recurrent.shape[1], cell.clip
    steps, batch, _ = x.sizes

    def compute(values: np.ndarray, *given: np.ndarray) -> list[np.ndarray]:
        starts = given or (np.zeros((batch, count * hidden), np.float32),) * 2
        parts = []
        for index, one in enumerate(cell.directions):
            backwards = index == 1
            before, kept = (state[:, index * hidden : (index + 1) * hidden] for state in starts)
            ys, h, c = lstm(
                values[::-1] if backwards else values, before, kept, one, cell.activations, float(limit or 0)
            )
            parts.append((ys[::-1] if backwards else ys, h, c))
        return [np.concatenate(group, axis=-1) for group in zip(*parts, strict=True)]

    shapes = [(steps, batch, count * hidden), *[(batch, count * hidden)] * 2]
    work = steps * batch * sum(one.weight.size + one.recurrent.size for one in cell.directions)
    return graph.host(compute, [x, *states], [(np.float32, shape) for shape in shapes], work)


def run(graph: Graph, cell: Cell, x: Tensor, states: Sequence[Tensor | None]) -> list[Tensor]:
    """``x [T, B, I]`` and states ``[B, D*H]`` to ``[T, B, D*H]`` and the last states ``[B, D*H]``.

    The outputs of a reverse cell come in the order in which it makes them, the last element of ``x`` first; of two
    directions each has those of its own place.
    """
    if cell.direction == "reverse":
        x = graph.node("Slice", x, ints([-1]), ints([np.iinfo(np.int64).min]), ints([0]), ints([-1]))
    if cell.kind == "LSTM" and cell.clip is not None and cell.clip < _NO_CLIP:
        return _clipped(graph, cell, x, [state for state in states if state is not None])
    count, hidden = len(cell.directions), cell.directions[0].recurrent.shape[1]
    steps, batch = x.sizes[:2]
    order = _ORDERS[cell.kind]

    def split(state: Tensor | None) -> Tensor | None:
        if state is None:
            return None
        parts = graph.node("Reshape", state, ints([batch, count, hidden]))
        return graph.node("Transpose", parts, perm=[1, 0, 2])

    inputs: list[Any] = [x, _stacked(cell, "weight", order), _stacked(cell, "recurrent", order), _biases(cell), None]
    inputs += [split(state) for state in states]
    if cell.directions[0].peephole is not None:
        inputs.append(_stacked(cell, "peephole", _PEEPHOLES))
    made = graph.nodes_out(cell.kind, 1 + len(states), *inputs, hidden_size=hidden, **_attributes(cell))
    turned = graph.node("Transpose", made[0], perm=[0, 2, 1, 3])
    outputs = [graph.node("Reshape", turned, ints([steps, batch, count * hidden]))]
    for state in made[1:]:
        last = graph.node("Transpose", state, perm=[1, 0, 2])
        outputs.append(graph.node("Reshape", last, ints([batch, count * hidden])))
    return outputs
