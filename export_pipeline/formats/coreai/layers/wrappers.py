"""Layers that hold another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from export_pipeline.formats.coreai.registry import Call, apply, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

_MERGES = {"sum": "add", "ave": "add", "mul": "mul"}


@layer("TimeDistributed")
def _each_step(program: Program, call: Call, x: Tensor) -> Tensor:
    """The layer on every step: steps are further members of the batch."""
    inner = call.config["layer"]
    steps = x.shape[1]
    rows = program.reshape(x, (x.shape[0] * steps, *x.shape[2:]))
    shape = (rows.shape[0], *call.shape[2:])
    made = apply(program, Call(inner["class_name"], call.name, inner["config"], call.weights, shape), rows)
    return program.reshape(made, call.shape)


def _merge(config: Mapping[str, Any]) -> str:
    mode = config.get("merge_mode")
    return "" if mode in (*_MERGES, "concat") else f"merge_mode {mode}"


@layer("Bidirectional", check=_merge)
def _both_ways(program: Program, call: Call, x: Tensor) -> Tensor:
    """Schuster and Paliwal, "Bidirectional Recurrent Neural Networks", 1997."""
    forward, backward = call.config["layer"], call.config.get("backward_layer")
    turned = {**forward, "config": {**forward["config"], "go_backwards": not forward["config"]["go_backwards"]}}
    half = len(call.weights) // 2
    made = [
        apply(program, Call(own["class_name"], call.name, own["config"], weights, call.shape), x)
        for own, weights in ((forward, call.weights[:half]), (backward or turned, call.weights[half:]))
    ]
    if forward["config"]["return_sequences"]:
        made[1] = program.reversed(made[1], 1)
    if call.config["merge_mode"] == "concat":
        return program.concat(made, -1)
    joined = program.binary(_MERGES[call.config["merge_mode"]], *made)
    return program.scaled(joined, 0.5) if call.config["merge_mode"] == "ave" else joined
