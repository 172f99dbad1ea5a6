"""Support vector machines. Source: SVM.proto, which holds the models of LIBSVM; its formulas are LIBSVM's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..registry import kind
from .arithmetic import logistic
from .call import Kind

_ROUNDS, _CLOSE = 100, 0.005
_LEAST = 1e-7  # LIBSVM keeps the probabilities of pairs this far from 0 and 1


def _kernel(model: Kind) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The kernel of all support vectors ``[n, d]`` with one vector ``[d]``."""
    name = model.params.kernel.WhichOneof("kernel")
    if name is None:
        raise model.wrong("has no kernel")
    k = getattr(model.params.kernel, name)
    if name == "linearKernel":
        return lambda vectors, x: np.asarray(vectors @ x)
    if name == "rbfKernel":
        return lambda vectors, x: np.exp(-k.gamma * ((vectors - x) ** 2).sum(axis=1))
    if name == "polyKernel":
        return lambda vectors, x: np.asarray((k.gamma * (vectors @ x) + k.c) ** k.degree)
    return lambda vectors, x: np.tanh(k.gamma * (vectors @ x) + k.c)


def _support_vectors(model: Kind) -> tuple[np.ndarray, int]:
    """The support vectors ``[n, d]``. Indices of sparse ones begin at 1, as LIBSVM's do."""
    name = model.params.WhichOneof("supportVectors")
    if name is None:
        raise model.wrong("has no support vectors")
    stored = getattr(model.params, name).vectors
    if name == "denseSupportVectors":
        widths = {len(vector.values) for vector in stored}
        if len(widths) > 1:
            raise model.wrong(f"has support vectors of {sorted(widths)} numbers; they must be of one length")
        width = widths.pop() if widths else model.width or 0
        model.needs(width)
        return np.array([list(vector.values) for vector in stored], np.float64).reshape(-1, width), width
    indices = [node.index for vector in stored for node in vector.nodes]
    if any(index < 1 for index in indices):
        raise model.wrong(f"has the index {min(indices)} in a sparse support vector; allowed: 1 and more")
    width = max([*indices, 0]) if model.width is None else model.width
    model.needs(max([*indices, 0]), at_least=True)
    model.options.room((len(stored), width), 8)
    vectors = np.zeros((len(stored), width))
    for row, vector in zip(vectors, stored, strict=True):
        for node in vector.nodes:
            row[node.index - 1] = node.value
    return vectors, width


@kind("supportVectorRegressor")
def regressor(model: Kind) -> Any:
    """``sum(alpha * kernel) - rho``"""
    kernel, (vectors, width) = _kernel(model), _support_vectors(model)
    alpha, rho = np.array(model.params.coefficients.alpha, np.float64), float(model.params.rho)
    if len(alpha) != len(vectors):
        raise model.wrong(f"has {len(alpha)} coefficients for {len(vectors)} support vectors")
    outputs = model.regression()
    return lambda values: outputs(alpha @ kernel(vectors, model.vector(values, width)) - rho)


def _decisions(model: Kind) -> Callable[[np.ndarray], np.ndarray]:
    """A function from the kernel's values to the decision of each pair of classes, in LIBSVM's order."""
    counts = [int(count) for count in model.params.numberOfSupportVectorsPerClass]
    classes, pairs = len(counts), list(itertools.combinations(range(len(counts)), 2))
    alpha = [np.array(row.alpha, np.float64) for row in model.params.coefficients]
    rho = np.array(model.params.rho, np.float64)
    if classes != len(model.labels) or classes < 2:
        raise model.wrong(f"counts the support vectors of {classes} classes; it has {len(model.labels)}, at least 2")
    if min(counts) < 0:
        raise model.wrong(f"has a class of {min(counts)} support vectors")
    if len(alpha) != classes - 1 or {len(row) for row in alpha} != {sum(counts)}:
        raise model.wrong(f"has no {classes - 1} rows of {sum(counts)} coefficients each")
    if len(rho) != len(pairs):
        raise model.wrong(f"has {len(rho)} values of rho for {len(pairs)} pairs of classes")
    starts = [0, *itertools.accumulate(counts)]
    of = [slice(starts[i], starts[i + 1]) for i in range(classes)]

    def decide(found: np.ndarray) -> np.ndarray:
        sums = [alpha[b - 1][of[a]] @ found[of[a]] + alpha[a][of[b]] @ found[of[b]] for a, b in pairs]
        return np.asarray(sums - rho)

    return decide


@kind("supportVectorClassifier")
def classifier(model: Kind) -> Any:
    """The class with most votes, or with ``probA`` and ``probB`` the most probable one, as LIBSVM predicts."""
    kernel, (vectors, width) = _kernel(model), _support_vectors(model)
    decide, labels = _decisions(model), model.labels
    if len(vectors) != sum(model.params.numberOfSupportVectorsPerClass):
        raise model.wrong(f"has {len(vectors)} support vectors, and counts others")
    pairs = list(itertools.combinations(range(len(labels)), 2))
    slope, shift = (np.array(values, np.float64) for values in (model.params.probA, model.params.probB))
    if (len(slope), len(shift)) not in ((0, 0), (len(pairs), len(pairs))):
        raise model.wrong(f"has {len(slope)} values probA and {len(shift)} values probB for {len(pairs)} pairs")
    outputs = model.classification(probable=len(slope) > 0)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        decisions = decide(kernel(vectors, model.vector(values, width)))
        if len(slope):
            found = coupled(logistic(-(decisions * slope + shift)), len(labels))
            return outputs(labels[int(found.argmax())], found.tolist())
        votes = np.zeros(len(labels))
        for (a, b), decision in zip(pairs, decisions, strict=True):
            votes[a if decision > 0 else b] += 1
        return outputs(labels[int(votes.argmax())], [])

    return run


def coupled(pairwise: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities of classes from those of pairs, ``[i against j, i < j]``; two classes have those of their pair.

    They minimize ``sum((r_ji p_i - r_ij p_j)^2)``: the second method of Wu, Lin and Weng, "Probability Estimates for
    Multi-class Classification by Pairwise Coupling" (2004), as far as LIBSVM takes it, which stops at 0.005 / classes.
    """
    r = np.zeros((classes, classes))
    for (i, j), probability in zip(itertools.combinations(range(classes), 2), pairwise, strict=True):
        held = min(max(float(probability), _LEAST), 1 - _LEAST)
        r[i, j], r[j, i] = held, 1 - held
    if classes == 2:
        return np.array([r[0, 1], r[1, 0]])
    q = np.diag((r**2).sum(axis=0)) - r.T * r
    p = np.full(classes, 1 / classes)
    for _ in range(max(_ROUNDS, classes)):
        if np.abs(q @ p - p @ q @ p).max() < _CLOSE / classes:
            break
        for t in range(classes):
            p[t] += (p @ q @ p - q[t] @ p) / q[t, t]
            p /= p.sum()
    return p
