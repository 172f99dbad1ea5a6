"""Branches and loops, random numbers, and boxes: layers that run in NumPy, between the ONNX parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import random as rnd
from ..arrays import sampling
from ..arrays.boxes import suppress
from ..block import Routine
from ..graph import Tensor
from ..lower_network import LayerCall, NetworkBlock, written
from ..registry import layer
from .shape import SAMPLING

_BOXES = ("CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST", "CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST")

_UNCOUNTED = "the networks of branches and loops"


def _routine(call: LayerCall, network: Any, gives: list[str]) -> Routine:
    block = NetworkBlock(network.layers, gives, call.owner.depth + 1)
    return Routine(block, call.graph, call.env)


@layer("branch", host=True)
def branch(call: LayerCall) -> list[Tensor]:
    """One of two networks, which write the names around them. What only one of them writes stays inside."""
    names = written(call.proto)
    nets = [call.params.ifBranch, call.params.elseBranch]
    made = [{name for inner in net.layers for name in written(inner)} | set(call.env) for net in nets]
    kept = [name for name in names if all(name in one for one in made)]
    routines = [_routine(call, net, kept) for net in nets]
    first = len(routines[0].captured)

    def run(pred: np.ndarray, *captured: Any) -> list[Any]:
        chosen, values = (routines[0], captured[:first]) if pred.any() else (routines[1], captured[first:])
        found = dict(zip(kept, chosen(*values), strict=True))
        return [found.get(name, np.zeros(1, np.float32)) for name in names]

    captured = [call.env[key] for routine in routines for key in routine.captured]
    return call.graph.host(run, [call.x, *captured], [(np.float32, None)] * len(names), _UNCOUNTED)


@layer("loop", host=True)
def loop(call: LayerCall) -> list[Tensor]:
    """A body again and again: a number of times, or as long as a network makes the condition hold."""
    p, options = call.params, call.graph.options
    names, tested = written(call.proto), len(p.conditionNetwork.layers) > 0
    inside = [name for name in names if name in call.env]
    for name in inside:
        # What the body changes is no constant inside, even if it is one at first.
        call.env[name] = call.graph.varying(call.env[name])
    test = _routine(call, p.conditionNetwork, [p.conditionVar]) if tested else None
    body = _routine(call, p.bodyNetwork, inside)
    outer = list(dict.fromkeys([*inside, *body.captured, *(test.captured if test else ())]))
    most = int(call.ints(0)[0]) if call.inputs else int(p.maxLoopIterations)

    def run(*arrays: Any) -> list[Any]:
        env = dict(zip(outer, arrays, strict=True))
        rounds = 0
        while (not most or rounds < most) and (test is None or test(*(env[k] for k in test.captured))[0].any()):
            options.take_round()
            env.update(zip(inside, body(*(env[k] for k in body.captured)), strict=True))
            rounds += 1
        return [env.get(name, np.zeros(1, np.float32)) for name in names]

    tensors = [call.env[key] for key in outer]
    return call.graph.host(run, tensors, [(np.float32, None)] * len(names), _UNCOUNTED)


_DRAWS: dict[str, Callable[[Any], rnd.Draw]] = {
    "Bernoulli": lambda p: rnd.bernoulli(float(p.prob)),
    "Normal": lambda p: rnd.normal(float(p.mean), float(p.stdDev)),
    "Uniform": lambda p: rnd.uniform(float(p.minVal), float(p.maxVal)),
}


@layer(*(f"random{name}{form}" for name in _DRAWS for form in ("Static", "Dynamic", "Like")), host=True)
def random(call: LayerCall) -> Tensor:
    """Random numbers of a stored shape, of a shape that is an input, or of the shape of an input."""
    p = call.params
    draw = next(make(p) for name, make in _DRAWS.items() if call.kind.startswith(f"random{name}"))
    seed = int(p.seed)
    if call.kind.endswith("Dynamic"):
        run = lambda s: [rnd.drawn(call.graph.options, draw, seed, [int(n) for n in s.reshape(-1)])]  # noqa: E731
        return call.host(run, [call.x], None)[0]
    sizes = tuple(int(n) for n in p.outputShape) if call.kind.endswith("Static") else call.x.sizes
    return call.host(lambda *_: [draw(rnd.generator(seed), sizes)], call.inputs[:1], sizes)[0]


@layer("categoricalDistribution", host=True)
def categorical(call: LayerCall) -> Tensor:
    """Indices with the probabilities of the last axis."""
    p = call.params
    shape = None if call.x.shape is None else (*call.x.shape[:-1], int(p.numSamples))
    heat = float(p.temperature) or 1.0
    run = lambda x: [rnd.categorical(x / heat, bool(p.isLogits), int(p.numSamples), int(p.seed))]  # noqa: E731
    return call.host(run, [call.x], shape)[0]


@layer("NonMaximumSuppression", host=True)
def non_maximum_suppression(call: LayerCall) -> list[Tensor]:
    """The best boxes that do not overlap better ones. The thresholds may be inputs."""
    p = call.params
    limits = [float(p.iouThreshold), float(p.scoreThreshold)]
    for position in range(2, min(len(call.inputs), 4)):
        limits[position - 2] = float(call.value(position).reshape(-1)[0])
    count = call.ints(4)[0] if len(call.inputs) > 4 else int(p.maxBoxes)
    call.graph.options.room([*call.inputs[0].sizes[:1], count, max(4, *call.inputs[1].sizes[-1:])], 8)
    run = lambda b, s: suppress(b, s, limits[0], limits[1], count, bool(p.perClassSuppression))  # noqa: E731
    return call.host(run, call.inputs[:2], None, None, None, None)


@layer("cropResize", host=True)
def crop_resize(call: LayerCall) -> Tensor:
    """Parts of ``[1, B, C, H, W]`` resized bilinearly, at ``[N, 1, 4 or 5, 1, 1]``."""
    p = call.params
    height, width = call.pair("targetSize", 1)
    mode, convention = SAMPLING[p.mode.samplingMethod], _BOXES[p.boxIndicesMode.boxMode]
    scale = float(p.spatialScale) or 1.0

    def run(x: np.ndarray, rois: np.ndarray) -> list[np.ndarray]:
        images, rows = x.reshape(-1, *x.shape[-3:]), rois.reshape(len(rois), -1)
        unit = np.array([x.shape[-2] - 1, x.shape[-1] - 1] * 2) if p.normalizedCoordinates else np.ones(4)
        boxes = sampling.corners(rows[:, -4:].astype(np.float64), convention) * unit * scale
        chosen = [[int(row[0])] for row in rows] if rows.shape[1] == 5 else [range(len(images))] * len(rows)
        size = (height, width)
        call.graph.options.room([len(rows), len(images), x.shape[-3], *size], 8)
        crops = [[sampling.crop(images[i], b, size, mode, 0.0) for i in c] for c, b in zip(chosen, boxes, strict=True)]
        return [np.array(crops)]

    return call.host(run, call.inputs[:2], None)[0]
