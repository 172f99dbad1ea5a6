"""Classifier outputs: the most probable label, and a dictionary of every label's probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .graph import Graph, Tensor
from .program import Source


def label_and_probabilities(labels: Sequence[Any], values: np.ndarray) -> tuple[Any, dict[Any, float]]:
    """The first most probable label, and the probabilities by label."""
    flat = np.asarray(values, np.float64).reshape(-1)
    if flat.size != len(labels):
        raise EmulatorError(f"the classifier has {len(labels)} labels but {flat.size} probabilities")
    return labels[int(flat.argmax())], dict(zip(labels, flat.tolist(), strict=True))


def classifier_outputs(source: Source) -> list[str]:
    """The names of the label and, if it is there, of the dictionary; none for what is no classifier."""
    description = source.spec.description
    if not source.kind.endswith("Classifier"):
        return []
    names = [description.predictedFeatureName, description.predictedProbabilitiesName]
    return [name for name in names if name]


def probabilities_of(network: Any) -> str:
    """The blob that holds the probabilities: the named one, else what the last layer makes."""
    return str(network.labelProbabilityLayerName or network.layers[-1].output[0])


def class_labels(network: Any) -> list[Any]:
    """The labels of a neural-network classifier."""
    if network.WhichOneof("ClassLabels") == "int64ClassLabels":
        return [int(label) for label in network.int64ClassLabels.vector]
    return [str(label) for label in network.stringClassLabels.vector]


def classify(graph: Graph, values: Tensor, labels: list[Any], names: Sequence[str]) -> None:
    """Make the outputs *names*, the label and the dictionary, from the tensor of probabilities."""
    made = graph.host(lambda array: label_and_probabilities(labels, array), [values], [(np.object_, None)] * 2)
    for name, tensor in zip(names, made, strict=False):
        graph.output(name, tensor)
