"""Ensembles of trees. Source: TreeEnsemble.proto, and how coremltools writes the ensembles of other libraries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..registry import kind
from .arithmetic import identity, logistic, softmax
from .call import Kind

_BRANCHES: dict[int, Callable[[float, float], bool]] = {
    0: operator.le,
    1: operator.lt,
    2: operator.ge,
    3: operator.gt,
    4: operator.eq,
    5: operator.ne,
}
_LEAF = 6
_TRANSFORMS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    0: identity,
    1: softmax,
    2: logistic,
    3: lambda x: softmax(np.concatenate([[0.0], x])),
}
_SOFTMAX, _LOGISTIC, _ZERO_REFERENCE = 1, 2, 3
Leaf = list[tuple[int, float]]


@dataclass(frozen=True)
class Branch:
    """A comparison of one feature and the nodes that follow; a value that is missing goes where the file says."""

    holds: Callable[[float, float], bool]
    feature: int
    bound: float
    missing: bool
    if_true: int
    if_false: int


@dataclass(frozen=True)
class Tree:
    """Nodes by their numbers."""

    root: int
    nodes: dict[int, Branch | Leaf]

    def leaf(self, x: list[float]) -> Leaf:
        """What the leaf that *x* ends in adds."""
        node = self.nodes[self.root]
        while isinstance(node, Branch):
            value = x[node.feature]
            goes = node.missing if value != value else node.holds(value, node.bound)
            node = self.nodes[node.if_true if goes else node.if_false]
        return node


def _tree(model: Kind, number: int, protos: list[Any], size: int) -> Tree:
    """One tree, whose every node is reached once from its only root."""
    nodes: dict[int, Branch | Leaf] = {}
    for proto in protos:
        if proto.nodeId in nodes:
            raise model.wrong(f"has node {proto.nodeId} of tree {number} twice")
        nodes[int(proto.nodeId)] = _node(model, number, proto, size)
    children = [child for node in nodes.values() if isinstance(node, Branch) for child in (node.if_true, node.if_false)]
    lost = sorted(set(children) - set(nodes))
    if lost:
        raise model.wrong(f"has no node {lost[0]} in tree {number}, to which a branch leads")
    if len(set(children)) != len(children):
        raise model.wrong(f"has a node in tree {number} that two branches lead to")
    roots = sorted(set(nodes) - set(children))
    if len(roots) != 1:
        raise model.wrong(f"has {len(roots)} roots in tree {number}; allowed: 1")
    # Every node has one parent now, so those that are not reached make circles.
    reached, ahead = 0, [roots[0]]
    while ahead:
        node = nodes[ahead.pop()]
        reached += 1
        ahead += [node.if_true, node.if_false] if isinstance(node, Branch) else []
    if reached != len(nodes):
        raise model.wrong(f"has nodes in tree {number} that lead to each other in a circle")
    return Tree(roots[0], nodes)


def _node(model: Kind, number: int, proto: Any, size: int) -> Branch | Leaf:
    behavior = int(proto.nodeBehavior)
    if behavior == _LEAF:
        adds = [(int(info.evaluationIndex), float(info.evaluationValue)) for info in proto.evaluationInfo]
        beyond = [index for index, _ in adds if index >= size]
        if beyond:
            raise model.wrong(f"has a leaf in tree {number} for value {beyond[0]} of {size}")
        return adds
    if behavior not in _BRANCHES:
        raise model.wrong(f"has node {proto.nodeId} of tree {number} of behavior {behavior}, which is not known")
    return Branch(
        _BRANCHES[behavior],
        int(proto.branchFeatureIndex),
        float(proto.branchFeatureValue),
        bool(proto.missingValueTracksTrueChild),
        int(proto.trueChildNodeId),
        int(proto.falseChildNodeId),
    )


def _sum(model: Kind) -> tuple[int, Callable[[Mapping[str, Any]], np.ndarray]]:
    """How many values the ensemble gives, and a function that adds up what the leaves say of them."""
    ensemble = model.params.treeEnsemble
    size = int(ensemble.numPredictionDimensions)
    base = np.array(ensemble.basePredictionValue, np.float64)
    if not 1 <= size <= 1 << 20:
        raise model.wrong(f"has {size} prediction dimensions; allowed: 1 to {1 << 20}")
    if base.size not in (0, size):
        raise model.wrong(f"has {base.size} base predictions for {size} prediction dimensions")
    grouped: dict[int, list[Any]] = {}
    for node in ensemble.nodes:
        grouped.setdefault(int(node.treeId), []).append(node)
    if not grouped:
        raise model.wrong("has no trees")
    trees = [_tree(model, number, nodes, size) for number, nodes in grouped.items()]
    branches = (node for tree in trees for node in tree.nodes.values() if isinstance(node, Branch))
    used = max((branch.feature for branch in branches), default=-1) + 1
    if model.width is None:
        raise model.wrong("has inputs of open sizes")
    width = model.width
    model.needs(used, at_least=True)

    def run(values: Mapping[str, Any]) -> np.ndarray:
        x = model.vector(values, width, missing=np.nan).tolist()
        total = base.copy() if base.size else np.zeros(size)
        for tree in trees:
            for index, value in tree.leaf(x):
                total[index] += value
        return total

    return size, run


@kind("treeEnsembleRegressor")
def regressor(model: Kind) -> Any:
    """The base prediction and what one leaf of every tree adds, transformed."""
    transform = model.choice("postEvaluationTransform", _TRANSFORMS)
    _, total = _sum(model)
    outputs = model.regression()
    return lambda values: outputs(transform(total(values)))


@kind("treeEnsembleClassifier")
def classifier(model: Kind) -> Any:
    """The same as probabilities. One value for two classes is that of the second, as coremltools writes them."""
    number = model.choice("postEvaluationTransform", {number: number for number in _TRANSFORMS})
    size, total = _sum(model)
    labels, outputs = model.labels, model.classification()
    single = size == 1 and len(labels) == 2 and number != _SOFTMAX
    wanted = len(labels) - 1 if number == _ZERO_REFERENCE else len(labels)
    if size != wanted and not single:
        raise model.wrong(f"has {size} prediction dimensions for {len(labels)} classes; allowed: {wanted}")
    transform = _TRANSFORMS[_LOGISTIC if single and number == _ZERO_REFERENCE else number]

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        found = transform(total(values))
        if single:
            # coremltools moves a value of exactly one half, so that the first class wins: here the second does.
            return outputs(labels[int(found[0] >= 0.5)], [1 - float(found[0]), float(found[0])])
        return outputs(labels[int(found.argmax())], found.tolist())

    return run
