"""Generalized linear models. Source: GLMRegressor.proto, GLMClassifier.proto, and coremltools' own checks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..registry import kind
from .arithmetic import identity, logistic, normal, softmax
from .call import Kind

_LINKS = {0: identity, 1: logistic, 2: normal}
_REFERENCE, _ONE_VS_REST = 0, 1


def _predictor(model: Kind) -> tuple[int, Callable[[Mapping[str, Any]], np.ndarray]]:
    """How many rows of weights there are, and a function that gives ``weights @ x + offset``."""
    rows = [list(row.value) for row in model.params.weights]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        raise model.wrong(f"has rows of {sorted(widths)} weights; they must be of one length, at least 1")
    if len(model.params.offset) != len(rows):
        raise model.wrong(f"has {len(model.params.offset)} offsets for {len(rows)} rows of weights")
    weights, offset, width = np.array(rows), np.array(model.params.offset), widths.pop()
    model.needs(width)
    return len(rows), lambda values: np.asarray(weights @ model.vector(values, width) + offset)


@kind("glmRegressor")
def regressor(model: Kind) -> Any:
    """``link(weights @ x + offset)``, the link being none, the logistic function or the normal distribution."""
    link = model.choice("postEvaluationTransform", _LINKS)
    _, predictor = _predictor(model)
    outputs = model.regression()
    return lambda values: outputs(link(predictor(values)))


@kind("glmClassifier")
def classifier(model: Kind) -> Any:
    """Logit or probit. Encoded against a reference class, the first, or each class against the rest."""
    link = model.choice("postEvaluationTransform", {0: logistic, 1: normal})
    encoding = model.choice("classEncoding", {0: _REFERENCE, 1: _ONE_VS_REST})
    rows, predictor = _predictor(model)
    labels = model.labels
    wanted = len(labels) - 1 if encoding == _REFERENCE or len(labels) == 2 else len(labels)
    if rows != wanted:
        raise model.wrong(f"has {rows} rows of weights for {len(labels)} classes; allowed: {wanted}")
    if link is normal and len(labels) > 2:
        raise model.wrong(f"has the transform Probit and {len(labels)} classes; allowed: 2")
    outputs = model.classification()

    def probabilities(scores: np.ndarray) -> np.ndarray:
        if len(labels) == 2:
            second = link(scores)[0]
            return np.array([1 - second, second])
        if encoding == _REFERENCE:
            return softmax(np.concatenate([[0.0], scores]))
        each = link(scores)
        return np.asarray(each / each.sum()) if each.sum() > 0 else np.full(len(labels), 1 / len(labels))

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        found = probabilities(predictor(values))
        return outputs(labels[int(found.argmax())], found.tolist())

    return run
