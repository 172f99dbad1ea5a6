"""Recurrent layers. Sequences are ``[T, B, C]``, or ``[T, B, C, 1, 1]`` in the oldest models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import recurrent
from ..graph import Tensor, ints
from ..lower_network import LayerCall
from ..moves import reshape
from ..recurrent import Activation, Cell, Direction
from ..registry import layer

_GATES = ("input", "forget", "output", "block")  # i f o z
_GRU_GATES = ("reset", "output", "update")


_ACTIVATIONS = {
    "tanh": "Tanh", "sigmoid": "Sigmoid", "ReLU": "Relu", "linear": "Affine", "sigmoidHard": "HardSigmoid",
    "scaledTanh": "ScaledTanh", "leakyReLU": "LeakyRelu", "thresholdedReLU": "ThresholdedRelu", "ELU": "Elu",
    "softsign": "Softsign", "softplus": "Softplus",
}  # fmt: skip


# What numbers that are not set stand for.
_UNSET = {
    "linear": {"alpha": 1.0, "beta": 0.0},
    "sigmoidHard": {"alpha": 0.2, "beta": 0.5},
    "scaledTanh": {"alpha": 1.0, "beta": 1.0},
}


def _activations(call: LayerCall, protos: Sequence[Any], defaults: Sequence[str]) -> list[Activation]:
    found: list[Activation] = []
    for index, default in enumerate(defaults):
        proto = protos[index] if index < len(protos) else None
        kind = default if proto is None else str(proto.WhichOneof("NonlinearityType"))
        if kind not in _ACTIVATIONS:
            raise call.unsupported(f"the activation {kind!r}")
        numbers = (
            {}
            if proto is None
            else {f.name: float(getattr(getattr(proto, kind), f.name)) for f in _fields(proto, kind)}
        )
        if not any(numbers.values()):
            numbers = _UNSET.get(kind, numbers)
        found.append((_ACTIVATIONS[kind], numbers.get("alpha"), numbers.get("beta")))
    return found


def _fields(proto: Any, kind: str) -> Any:
    return getattr(proto, kind).DESCRIPTOR.fields


def _run(call: LayerCall, cell: Cell, states: int, sequence: bool) -> list[Tensor]:
    """Run over ``x``; states come as further inputs and go as further outputs, per direction for two directions."""
    graph, x = call.graph, call.x
    old = x.rank == 5
    flat = reshape(graph, x, list(x.sizes[:3])) if old else x
    count, batch = len(cell.directions), flat.sizes[1]
    given = [reshape(graph, tensor, [batch, -1]) for tensor in call.inputs[1:]]
    if count == 2 and given:
        # Forward h and c, then backward h and c.
        given = [graph.node("Concat", given[i], given[i + states], axis=1) for i in range(states)]
    first: list[Tensor | None] = [*given, *[None] * (states - len(given))]
    outputs = recurrent.run(graph, cell, flat, first)
    if not sequence:
        outputs[0] = graph.node("Unsqueeze", outputs[1], ints([0]))
    lasts = outputs[1:]
    if count == 2:
        halves = [graph.nodes_out("Split", 2, state, ints([state.sizes[1] // 2] * 2), axis=1) for state in lasts]
        lasts = [half[direction] for direction in (0, 1) for half in halves]
    shaped = [outputs[0], *(graph.node("Unsqueeze", state, ints([0])) for state in lasts)]
    if old:
        shaped = [reshape(graph, tensor, [*tensor.sizes, 1, 1]) for tensor in shaped]
    return shaped[: len(call.proto.output)]


def _lstm_direction(call: LayerCall, weights: Any, bias: bool, peephole: bool, forget: bool) -> Direction:
    inputs, hidden = int(call.params.inputVectorSize), int(call.params.outputVectorSize)

    def joined(names: Sequence[str], suffix: str, shape: Sequence[int]) -> np.ndarray:
        fields = [getattr(weights, ("blockInput" if n == "block" else f"{n}Gate") + suffix) for n in names]
        return np.concatenate([call.decoded(one, shape) for one in fields])

    added = joined(_GATES, "BiasVector", [hidden]) if bias else np.zeros(4 * hidden, np.float32)
    if forget:
        added[hidden : 2 * hidden] += 1
    return Direction(
        joined(_GATES, "WeightMatrix", [hidden, inputs]),
        joined(_GATES, "RecursionMatrix", [hidden, hidden]),
        added,
        joined(_GATES[:3], "PeepholeVector", [hidden]) if peephole else None,
    )


@layer("uniDirectionalLSTM", "biDirectionalLSTM")
def lstm(call: LayerCall) -> list[Tensor]:
    """Long short-term memory, in one or both directions."""
    p, both = call.params, call.kind == "biDirectionalLSTM"
    flags = p.params
    rows = [
        _lstm_direction(call, weights, flags.hasBiasVectors, flags.hasPeepholeVectors, flags.forgetBias)
        for weights in (p.weightParams if both else [p.weightParams])
    ]
    defaults = ["sigmoid", "tanh", "tanh"]
    chosen = _activations(call, p.activationsForwardLSTM if both else p.activations, defaults)
    if both and chosen != _activations(call, p.activationsBackwardLSTM, defaults):
        raise call.unsupported("different activations in the two directions")
    direction = "bidirectional" if both else "reverse" if p.reverseInput else "forward"
    clip = float(flags.cellClipThreshold) or None
    cell = Cell("LSTM", rows, chosen, direction, clip, coupled=bool(flags.coupledInputAndForgetGate))
    return _run(call, cell, 2, bool(flags.sequenceOutput))


@layer("gru")
def gru(call: LayerCall) -> list[Tensor]:
    """Gated recurrent unit."""
    p = call.params
    inputs, hidden = int(p.inputVectorSize), int(p.outputVectorSize)

    def joined(suffix: str, shape: Sequence[int]) -> np.ndarray:
        return np.concatenate([call.weights(f"{gate}Gate{suffix}", shape) for gate in _GRU_GATES])

    bias = joined("BiasVector", [hidden]) if p.hasBiasVectors else None
    row = Direction(joined("WeightMatrix", [hidden, inputs]), joined("RecursionMatrix", [hidden, hidden]), bias)
    chosen = _activations(call, p.activations, ["sigmoid", "tanh"])
    cell = Cell("GRU", [row], chosen, "reverse" if p.reverseInput else "forward")
    return _run(call, cell, 1, bool(p.sequenceOutput))


@layer("simpleRecurrent")
def simple_recurrent(call: LayerCall) -> list[Tensor]:
    """A plain recurrent network."""
    p = call.params
    inputs, hidden = int(p.inputVectorSize), int(p.outputVectorSize)
    bias = call.weights("biasVector", [hidden]) if p.hasBiasVector else None
    row = Direction(call.weights("weightMatrix", [hidden, inputs]), call.weights("recursionMatrix", [hidden] * 2), bias)
    chosen = _activations(call, [p.activation], ["tanh"])
    cell = Cell("RNN", [row], chosen, "reverse" if p.reverseInput else "forward")
    return _run(call, cell, 1, bool(p.sequenceOutput))
