"""States: what a model remembers between runs; and the label of a classifier."""

from __future__ import annotations

import numpy as np

from ..calls import Call
from ..classifiers import label_and_probabilities
from ..graph import Tensor
from ..registry import lower


@lower("read_state", exact=True)
def read_state(call: Call) -> Tensor:
    """The value of a state now."""
    return call.tensor("input")


@lower("coreml_update_state", exact=True)
def update_state(call: Call) -> Tensor:
    """A new value for a state. Those who read it later find this one."""
    value = call.tensor("value")
    call.env[call.operation.inputs["state"]] = value
    return value


@lower("classify", host=True)
def classify(call: Call) -> list[Tensor]:
    """The most probable label, and the dictionary of all."""
    labels = list(getattr(call.value("classes"), "ls", call.value("classes")))
    plain = [label.item() if isinstance(label, np.generic) else label for label in labels]
    run = lambda array: label_and_probabilities(plain, array)  # noqa: E731
    return call.graph.host(run, [call.tensor("probabilities")], [(np.object_, None)] * 2)
