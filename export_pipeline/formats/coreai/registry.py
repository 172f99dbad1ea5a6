"""The layers that are written, one function each, and what a call of a layer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.errors import ExportError

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        kind: the class of the layer.
        name: of the layer.
        config: as Keras gives it.
        weights: pairs of role and values, in Keras' order.
        shape: of what it gives, channels last.
        arguments: of the call, ``{"tensor": number}`` in the place of a tensor.
    """

    kind: str
    name: str
    config: Mapping[str, Any]
    weights: Sequence[tuple[str, np.ndarray]]
    shape: tuple[int, ...]
    arguments: Sequence[Any] = ()

    def weight(self, role: str) -> np.ndarray:
        """The only weight with *role*."""
        (found,) = (values for name, values in self.weights if name == role)
        return found

    def has(self, role: str) -> bool:
        """Whether there is a weight with *role*."""
        return any(name == role for name, _ in self.weights)


# Takes the program and the call, then the tensors that go in; gives the tensor that comes out.
Layer = Callable[..., "Tensor"]
LAYERS: dict[str, Layer] = {}
_CHECKS: dict[str, Callable[[Mapping[str, Any]], str]] = {}


def layer(*kinds: str, check: Callable[[Mapping[str, Any]], str] | None = None) -> Callable[[Layer], Layer]:
    """Register a function for layers of the classes *kinds*; *check* says what of a configuration it does not take."""

    def register(function: Layer) -> Layer:
        for kind in kinds:
            LAYERS[kind] = function
            if check is not None:
                _CHECKS[kind] = check
        return function

    return register


def apply(program: Program, call: Call, *inputs: Tensor) -> Tensor:
    """What *call* gives for *inputs*."""
    return LAYERS[call.kind](program, call, *inputs)


def refused(kind: str, config: Mapping[str, Any]) -> str:
    """What of a layer of the class *kind* is not written; empty where all is."""
    if kind not in LAYERS:
        return kind
    if config.get("data_format") == "channels_first":
        return f"{kind} with channels first"
    if config.get("stateful"):
        return f"{kind} that keeps its state"
    for key in ("layer", "backward_layer"):
        if isinstance(config.get(key), Mapping) and (
            inside := refused(config[key]["class_name"], config[key]["config"])
        ):
            return f"{kind} of {inside}"
    wrong = _CHECKS[kind](config) if kind in _CHECKS else ""
    return f"{kind} with {wrong}" if wrong else ""


def check(calls: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a network with layers that are not written.

    Raises:
        ExportError: all of them, by name.
    """
    found = {call["name"]: refused(call["kind"], call["config"]) for call in calls}
    listed = [f"{name} ({why})" for name, why in found.items() if why]
    if listed:
        raise ExportError(
            f"Core AI files are not written of these layers: {', '.join(listed)}. "
            f"Allowed: {', '.join(sorted(LAYERS))}.\n"
            "Leave the target out of [export] targets, or use other layers."
        )
