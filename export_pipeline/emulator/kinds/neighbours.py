"""Nearest neighbours. Source: NearestNeighbors.proto and coremltools' builder of such models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import EmulatorError
from ..classifiers import class_labels
from ..registry import kind
from .call import Kind


def _samples(model: Kind) -> np.ndarray:
    """The stored points ``[n, d]``."""
    index = model.params.nearestNeighborsIndex
    width = int(index.numberOfDimensions)
    if width < 1:
        raise model.wrong(f"has {width} dimensions; allowed: 1 or more")
    if any(len(sample.vector) != width for sample in index.floatSamples):
        raise model.wrong(f"has a sample of another length than {width}")
    model.needs(width)
    samples = [sample.vector for sample in index.floatSamples]
    return np.array([list(sample) for sample in samples], np.float64).reshape(-1, width)


def _wanted(model: Kind) -> int:
    """How many neighbours vote."""
    parameter = model.params.numberOfNeighbors
    count, allowed = int(parameter.defaultValue), parameter.WhichOneof("AllowedValues")
    if count < 1:
        raise model.wrong(f"asks {count} neighbours; allowed: 1 or more")
    if allowed == "range" and not parameter.range.minValue <= count <= parameter.range.maxValue:
        raise model.wrong(f"asks {count} neighbours, which its own range excludes")
    if allowed == "set" and count not in parameter.set.values:
        raise model.wrong(f"asks {count} neighbours, which its own set excludes")
    return count


@kind("kNearestNeighborsClassifier")
def classifier(model: Kind) -> Any:
    """The label with most weight among the nearest samples; of equals that of the nearer sample.

    Each weighs 1, or one over its squared distance; samples at distance 0 are the only ones then. A tree of samples
    finds the same neighbours as a list, so it is not built. Probabilities are shares of the weight.
    """
    samples, labels, count = _samples(model), class_labels(model.params), _wanted(model)
    scheme = model.params.WhichOneof("WeightingScheme") or "uniformWeighting"
    default = model.params.WhichOneof("DefaultClassLabel")
    if len(labels) != len(samples):
        raise model.wrong(f"has {len(labels)} labels for {len(samples)} samples")
    # Of each label once: that is what a dictionary of probabilities holds.
    model.labels = list(dict.fromkeys(labels))
    outputs, width = model.classification(), samples.shape[1]

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        x = model.vector(values, width)
        if not len(samples):
            if default is None:
                raise EmulatorError(f"{model.source.label} holds no samples yet, and no default label")
            return outputs(getattr(model.params, default), [])
        distances = ((samples - x) ** 2).sum(axis=1)
        nearest = np.argsort(distances, kind="stable")[:count]
        weights = _weights(distances[nearest], scheme)
        shares = dict.fromkeys(model.labels, 0.0)
        for index, weight in zip(nearest, weights, strict=True):
            shares[labels[index]] += float(weight)
        best = max((labels[index] for index in nearest), key=shares.__getitem__)
        total = sum(shares.values())
        return outputs(best, [share / total for share in shares.values()])

    return run


def _weights(distances: np.ndarray, scheme: str) -> np.ndarray:
    if scheme == "uniformWeighting":
        return np.ones(len(distances))
    there = distances == 0
    return there.astype(np.float64) if there.any() else np.asarray(1 / distances)
