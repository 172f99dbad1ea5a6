"""Recurrent layers, step by step: as loops, no device would know how long they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from export_pipeline.formats.coreai.layers.activations import activated, known
from export_pipeline.formats.coreai.layers.dense import product
from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

State = tuple["Tensor", ...]
# Takes the input of a step and the state before it; gives the state after it, whose first part is the output.
Step = Callable[["Tensor", "State | None"], "State"]


def _row(program: Program, x: Tensor, step: int) -> Tensor:
    """One step of ``(N, T, C)``."""
    batch, _, channels = x.shape
    part = program.cut(x, (0, step, 0), (batch, step + 1, channels))
    return program.reshape(part, (batch, channels))


def _parts(program: Program, x: Tensor, count: int) -> list[Tensor]:
    """*count* equal parts of the last axis of ``(N, C)``."""
    batch, width = x.shape[0], x.shape[1] // count
    return [program.cut(x, (0, index * width), (batch, (index + 1) * width)) for index in range(count)]


def _through(program: Program, call: Call, x: Tensor, step: Step, state: State | None) -> Tensor:
    """The outputs of all steps, or of the last, over *x* ``(N, T, C)``."""
    length = x.shape[1]
    order = reversed(range(length)) if call.config.get("go_backwards") else range(length)
    rows = []
    for index in order:
        state = step(_row(program, x, index), state)
        rows.append(state[0])
    if not call.config["return_sequences"]:
        return rows[-1]
    batch, width = rows[0].shape
    return program.concat([program.reshape(row, (batch, 1, width)) for row in rows], 1)


def _gates(program: Program, call: Call, x: Tensor) -> Tensor:
    """What the inputs of all steps give to the gates: one product."""
    x = program.computed(x)
    return product(program, type(x)(program.last(x)), call.weight("kernel"))


def _plus(program: Program, one: Tensor, other: Tensor | None) -> Tensor:
    return one if other is None else program.binary("add", one, other)


def _simple(config: object) -> str:
    return known(config) or ("return_state" if config.get("return_state") else "")  # type: ignore[attr-defined, arg-type]


@layer("SimpleRNN", check=_simple)
def _simple_rnn(program: Program, call: Call, x: Tensor, *initial: Tensor) -> Tensor:
    """Elman, "Finding Structure in Time", 1990."""
    gates = _gates(program, call, x)
    if call.has("bias"):
        gates = program.binary("add", gates, program.channels(gates, call.weight("bias")))

    def step(row: Tensor, state: State | None) -> State:
        carried = product(program, state[0], call.weight("recurrent_kernel")) if state else None
        return (activated(program, call.config["activation"], _plus(program, row, carried)),)

    return _through(program, call, gates, step, initial or None)


@layer("LSTM", check=_simple)
def _lstm(program: Program, call: Call, x: Tensor, *initial: Tensor) -> Tensor:
    """Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with a forget gate."""
    gates = _gates(program, call, x)
    if call.has("bias"):
        gates = program.binary("add", gates, program.channels(gates, call.weight("bias")))
    inner, outer = call.config["activation"], call.config["recurrent_activation"]

    def step(row: Tensor, state: State | None) -> State:
        carried = product(program, state[0], call.weight("recurrent_kernel")) if state else None
        enter, forget, candidate, leave = _parts(program, _plus(program, row, carried), 4)
        new = program.binary("mul", activated(program, outer, enter), activated(program, inner, candidate))
        kept = program.binary("mul", activated(program, outer, forget), state[1]) if state else None
        cell = _plus(program, new, kept)
        return program.binary("mul", activated(program, outer, leave), activated(program, inner, cell)), cell

    return _through(program, call, gates, step, initial or None)


@layer("GRU", check=_simple)
def _gru(program: Program, call: Call, x: Tensor, *initial: Tensor) -> Tensor:
    """Cho et al., 2014, with the reset gate after the product, or before it as the layer says."""
    gates, recurrent = _gates(program, call, x), call.weight("recurrent_kernel")
    biases = call.weight("bias").reshape(-1, recurrent.shape[1]) if call.has("bias") else None
    if biases is not None:
        gates = program.binary("add", gates, program.channels(gates, biases[0]))
    second = biases[1] if biases is not None and len(biases) > 1 else None
    step = _reset_after if call.config["reset_after"] else _reset_before
    return _through(program, call, gates, step(program, call, recurrent, second), initial or None)


def _reset_after(program: Program, call: Call, recurrent: np.ndarray, bias: np.ndarray | None) -> Step:
    outer = call.config["recurrent_activation"]

    def step(row: Tensor, state: State | None) -> State:
        theirs = product(program, state[0], recurrent) if state else program.scaled(row, 0)
        if bias is not None:
            theirs = program.binary("add", theirs, program.channels(theirs, bias))
        own, carried = _parts(program, row, 3), _parts(program, theirs, 3)
        update, reset = (activated(program, outer, program.binary("add", own[gate], carried[gate])) for gate in (0, 1))
        candidate = program.binary("add", own[2], program.binary("mul", reset, carried[2]))
        return _mixed(program, call, update, candidate, state)

    return step


def _reset_before(program: Program, call: Call, recurrent: np.ndarray, bias: np.ndarray | None) -> Step:
    """Both products are with the whole kernel: of a part of it, Apple's writer would make a kernel of its own."""
    outer = call.config["recurrent_activation"]

    def step(row: Tensor, state: State | None) -> State:
        own = _parts(program, row, 3)
        if state is None:
            return _mixed(program, call, activated(program, outer, own[0]), own[2], None)
        carried = _parts(program, product(program, state[0], recurrent), 3)
        update, reset = (activated(program, outer, program.binary("add", own[gate], carried[gate])) for gate in (0, 1))
        kept = program.binary("mul", reset, state[0])
        recalled = _parts(program, product(program, kept, recurrent), 3)[2]
        return _mixed(program, call, update, program.binary("add", own[2], recalled), state)

    return step


def _mixed(program: Program, call: Call, update: Tensor, candidate: Tensor, state: State | None) -> State:
    """What is kept of the state, and what comes new."""
    new = activated(program, call.config["activation"], candidate)
    change = program.binary("mul", program.scaled(update, -1, 1), new)
    return (_plus(program, change, program.binary("mul", update, state[0]) if state else None),)
