"""Recurrent networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import recurrent
from ..calls import Call
from ..graph import Tensor, ints
from ..recurrent import ACTIVATIONS, Cell, Direction
from ..registry import lower


def _direction(call: Call, suffix: str = "") -> Direction:
    def value(name: str) -> Any:
        found = call.value(name + suffix)
        return None if found is None else np.asarray(found, np.float32)

    return Direction(value("weight_ih"), value("weight_hh"), value("bias"), value("peephole"), value("input_bias"))


def _run(call: Call, kind: str, activations: list[str], states: list[str]) -> list[Tensor]:
    direction = str(call.value("direction"))
    both = direction == "bidirectional"
    directions = [_direction(call)] + ([_direction(call, "_back")] if both else [])
    clip = call.value("clip")
    words = [str(call.value(name)).lower() for name in activations]
    if unknown := [word for word in words if word not in ACTIVATIONS]:
        raise call.unsupported(f"activation {unknown[0]!r}")
    limit = None if clip is None else float(clip)
    after = bool(call.value("reset_after"))
    cell = Cell(kind, directions, [ACTIVATIONS[word] for word in words], direction, limit, reset_after=after)
    outputs = recurrent.run(call.graph, cell, call.tensor("x"), [call.tensor(name) for name in states])
    if not bool(call.value("output_sequence")):
        # The last step of each direction, which is where its state ends.
        outputs[0] = call.graph.node("Unsqueeze", outputs[1], ints([0]))
    return outputs


@lower("lstm")
def lstm(call: Call) -> list[Tensor]:
    """Long short-term memory over ``x [T, B, I]``, in one or both directions."""
    return _run(call, "LSTM", ["recurrent_activation", "cell_activation", "activation"], ["initial_h", "initial_c"])


@lower("gru")
def gru(call: Call) -> list[Tensor]:
    """Gated recurrent unit over ``x [T, B, I]``."""
    return _run(call, "GRU", ["recurrent_activation", "activation"], ["initial_h"])


@lower("rnn")
def rnn(call: Call) -> list[Tensor]:
    """A plain recurrent network over ``x [T, B, I]``."""
    return _run(call, "RNN", ["activation"], ["initial_h"])
