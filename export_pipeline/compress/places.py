"""Where a full-integer file rounds, layer by layer.

TFLite rounds (Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", 2018) kernels to 8 bits, symmetric, and what layers give to 8 bits, with zero among the values. Instance
norms compute in floats: in 8 bits the variance of a channel is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import tf_keras as keras

from export_pipeline.errors import RecipeError
from export_pipeline.models.layers import (
    DepthToSpace,
    EdgePadding,
    InstanceNormalization,
    MatchSize,
    MirrorPadding,
    Rescaling,
    ScaleSize,
    SpaceToDepth,
)

Range = tuple[float, float]
PICTURE = (0.0, 255.0)
# TFLite knows no other range of what these give.
FIXED = {"tanh": (-1.0, 127 / 128), "sigmoid": (0.0, 255 / 256)}
KERNELS = {keras.layers.Conv2D: "kernel", keras.layers.DepthwiseConv2D: "depthwise_kernel"}
# What gives no values that it was not given.
PASSES = (
    *(keras.layers.MaxPooling2D, keras.layers.UpSampling2D, keras.layers.ZeroPadding2D, keras.layers.Cropping2D),
    *(keras.layers.Dropout, keras.layers.SpatialDropout2D),
    *(MatchSize, ScaleSize, MirrorPadding, EdgePadding, SpaceToDepth, DepthToSpace),
)
JOINS = (
    *(keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply, keras.layers.Average, keras.layers.Concatenate),
    *(keras.layers.AveragePooling2D, keras.layers.GlobalAveragePooling2D, keras.layers.Maximum, keras.layers.Minimum),
)


@dataclass(frozen=True)
class Place:
    """What is rounded of one layer.

    Attributes:
        kernel: the attribute that holds its kernel; empty if it has none.
        range: of what it gives: fixed, or ``None`` where training finds it.
        rounds: whether what it gives is rounded at all; not where the layer after it is part of the same operation.
    """

    kernel: str = ""
    rounds: bool = False
    range: Range | None = None


def places(model: keras.Model) -> dict[str, Place]:
    """What is rounded of each layer of *model*, a network from pictures, by layer name.

    No other network may share its layers.

    Raises:
        RecipeError: a layer is not known here.
    """
    takers = _takers(model)
    found: dict[str, Place] = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            place = _place(layer, takers[layer.name])
            # What only a concatenation takes has the range of that, or TFLite would round it twice.
            found[layer.name] = replace(place, rounds=False) if _is_concatenated(layer, takers) else place
    return found


def _is_concatenated(layer: Any, takers: Mapping[str, list[Any]]) -> bool:
    """Whether what *layer* gives goes into a concatenation and nowhere else."""
    following = takers[layer.name]
    while len(following) == 1 and _passes(following[0]):
        following = takers[following[0].name]
    return len(following) == 1 and isinstance(following[0], keras.layers.Concatenate)


def _takers(model: keras.Model) -> dict[str, list[Any]]:
    own = set(map(id, model.layers))
    return {
        layer.name: [n.outbound_layer for n in layer.outbound_nodes if id(n.outbound_layer) in own]
        for layer in model.layers
    }


def _givers(layer: Any) -> list[Any]:
    return [parent.layer for node in layer.inbound_nodes for parent in node.parent_nodes]


def _passes(layer: Any) -> bool:
    return isinstance(layer, PASSES)


def _place(layer: Any, takers: list[Any]) -> Place:
    name = _activation(layer)
    if type(layer) in KERNELS:
        if name not in ("linear", "relu"):
            raise RecipeError(
                f"compress.quantize_aware: {layer.name} has the activation {name} within; give it a layer of its own"
            )
        return Place(
            KERNELS[type(layer)], rounds=name == "relu" or not _joined(takers, keras.layers.BatchNormalization)
        )
    if isinstance(layer, keras.layers.BatchNormalization):
        return Place(rounds=not _joined(takers))
    if isinstance(layer, Rescaling):
        return _of_rescaling(layer)
    if isinstance(layer, keras.layers.Activation):
        if name in FIXED:
            # After an instance norm, which is in float, there is nothing to gain.
            return Place(rounds=not _in_float(_givers(layer)), range=FIXED[name])
        return Place(rounds=name != "linear")
    if isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU, *JOINS)):
        return Place(rounds=True)
    if isinstance(layer, InstanceNormalization) or _passes(layer):
        return Place()
    raise RecipeError(
        f"compress.quantize_aware: {layer.name} is a {type(layer).__name__}, and there is no rule for rounding it; "
        "leave quantize_aware out: calibration sets the ranges of the full-integer file then"
    )


def _activation(layer: Any) -> str:
    activation = layer.get_config().get("activation", "linear")
    return activation if isinstance(activation, str) else str(activation)


def _joined(takers: list[Any], *also: type) -> bool:
    """Whether one layer alone takes it, and TFLite computes both as one operation."""
    if len(takers) != 1:
        return False
    is_relu = isinstance(takers[0], keras.layers.Activation) and _activation(takers[0]) == "relu"
    return is_relu or isinstance(takers[0], (keras.layers.ReLU, *also))


def _in_float(layers: Iterable[Any]) -> bool:
    return any(isinstance(layer, InstanceNormalization) for layer in layers)


def _of_rescaling(layer: Rescaling) -> Place:
    (giver,) = _givers(layer)
    while isinstance(giver, (ScaleSize, MirrorPadding, SpaceToDepth, DepthToSpace)):
        (giver,) = _givers(giver)
    if isinstance(giver, keras.layers.InputLayer):  # a picture
        limits = [limit * layer.scale + layer.offset for limit in PICTURE]
        return Place(rounds=True, range=(min(limits), max(limits)))
    if isinstance(giver, keras.layers.ReLU) and giver.max_value and not layer.offset:
        return Place(rounds=True, range=(0.0, float(giver.max_value) * layer.scale))
    if layer.offset:  # of what a tanh has given
        return Place(rounds=True, range=(layer.offset - abs(layer.scale), layer.offset + abs(layer.scale)))
    return Place(rounds=True)
