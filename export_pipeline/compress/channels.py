"""The channels of a network that can be taken out, found from its graph.

A convolution starts a new channel axis; norms, activations and resizes pass it on; an addition makes one of two.
Filters that meet in such an axis can only go together: channel *c* of every convolution whose output is added there,
the norms after it, and what each convolution that reads the sum keeps for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tf_keras as keras

from export_pipeline.models.layers import (
    EdgePadding,
    InstanceNormalization,
    MatchSize,
    MirrorPadding,
    Rescaling,
    ScaleSize,
)

NORMS = (keras.layers.BatchNormalization, InstanceNormalization)
# What computes each channel from the same channel of what it is given.
PASSES = (
    *NORMS,
    *(keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.Dropout, keras.layers.SpatialDropout2D),
    *(keras.layers.UpSampling2D, keras.layers.MaxPooling2D, keras.layers.AveragePooling2D),
    keras.layers.GlobalAveragePooling2D,
    *(keras.layers.ZeroPadding2D, keras.layers.Cropping2D),
    *(Rescaling, ScaleSize, MatchSize, MirrorPadding, EdgePadding),
)
JOINS = (
    *(keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply),
    *(keras.layers.Average, keras.layers.Maximum, keras.layers.Minimum),
)
# Activations that look at one value at a time. Softmax looks at all channels.
ELEMENTWISE = {"linear", "relu", "relu6", "leaky_relu", "tanh", "sigmoid", "elu", "selu", "gelu", "swish", "mish"}


@dataclass(frozen=True)
class Group:
    """Channels that can be taken out one by one, each from every layer named here; names are in the graph's order.

    Attributes:
        size: how many there are.
        makers: the convolutions whose filters they are; several when their outputs are added.
        norms: the norms that have a parameter for each.
        takers: the convolutions that read them.
        depthwise: the depthwise convolutions that have a filter for each.
    """

    size: int
    makers: tuple[str, ...]
    norms: tuple[str, ...]
    takers: tuple[str, ...]
    depthwise: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The first convolution that makes them."""
        return self.makers[0]


def channel_groups(model: keras.Model) -> tuple[Group, ...]:
    """Every group of channels of *model*, a functional one, that is free to go; in the graph's order.

    Channels of the input and of the output are not, nor those that a layer sees whose use of them is not known here.
    """
    axes = _Axes()
    own = {id(layer) for layer in model.layers}
    for layer in model.layers:
        parents = [parent.layer for node in layer.inbound_nodes for parent in node.parent_nodes]
        # A layer that another model shares has been called there, too.
        _connect(axes, layer, [parent.name for parent in parents if id(parent) in own])
    for name in model.output_names:
        axes.fix([name])
    convolutions = [layer for layer in model.layers if _convolves(layer)]
    norms = [layer.name for layer in model.layers if isinstance(layer, NORMS)]
    depthwise = [layer.name for layer in model.layers if _filters_apart(layer)]
    groups: dict[str, Group] = {}
    for layer in convolutions:
        axis = axes.of(layer.name)
        if axis in groups or axis in axes.fixed():
            continue
        groups[axis] = Group(
            size=layer.filters,
            makers=tuple(other.name for other in convolutions if axes.of(other.name) == axis),
            norms=tuple(name for name in norms if axes.of(name) == axis),
            takers=tuple(other.name for other in convolutions if axes.of(_input(other.name)) == axis),
            depthwise=tuple(name for name in depthwise if axes.of(name) == axis),
        )
    return tuple(groups.values())


def kept_weights(
    model: keras.Model, groups: Iterable[Group], keep: Mapping[str, np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """Weights of *model* by layer name, of each group only the channels that *keep* lists under its name."""
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    for group in groups:
        indices = keep[group.name]
        for name in (*group.makers, *group.norms):
            weights[name] = [np.take(array, indices, axis=-1) for array in weights[name]]
        for name in group.depthwise:
            kernel, *bias = weights[name]
            weights[name] = [np.take(kernel, indices, axis=2), *(np.take(array, indices) for array in bias)]
        for name in group.takers:
            kernel, *bias = weights[name]
            weights[name] = [np.take(kernel, indices, axis=2), *bias]
    return weights


class _Axes:
    """A union-find over the channel axes of tensors, by the name of the layer that gives them."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._fixed: set[str] = set()

    def of(self, name: str) -> str:
        """The axis that *name* has come to."""
        parent = self._parent.setdefault(name, name)
        if parent != name:
            self._parent[name] = parent = self.of(parent)
        return parent

    def join(self, names: Iterable[str]) -> None:
        """Make one axis of all *names*."""
        first, *others = names
        for other in others:
            self._parent[self.of(other)] = self.of(first)

    def fix(self, names: Iterable[str]) -> None:
        """Channels of these axes must stay."""
        self._fixed.update(names)

    def fixed(self) -> set[str]:
        """The axes whose channels must stay."""
        return {self.of(name) for name in self._fixed}


def _connect(axes: _Axes, layer: Any, sources: list[str]) -> None:
    """Tell *axes* what *layer* does with the channels of its *sources*."""
    if _convolves(layer):
        axes.join([_input(layer.name), *sources])
        if not _elementwise(layer):
            axes.fix([layer.name])
    elif isinstance(layer, MatchSize):
        axes.join([layer.name, sources[0]])  # of the second it takes the size
    elif _passes(layer):
        axes.join([layer.name, *sources])
    else:
        axes.fix([layer.name, *sources])


def _input(convolution: str) -> str:
    """The name under which the channels that *convolution* reads are kept."""
    return f"{convolution}/input"


def _convolves(layer: Any) -> bool:
    # Exactly: a transposed or depthwise convolution has its kernel's axes in another order.
    return type(layer) is keras.layers.Conv2D and layer.groups == 1 and layer.data_format == "channels_last"


def _filters_apart(layer: Any) -> bool:
    """Whether *layer* has one filter for each channel of its input, and nothing else."""
    is_depthwise = type(layer) is keras.layers.DepthwiseConv2D and layer.data_format == "channels_last"
    return bool(is_depthwise and layer.depth_multiplier == 1 and _elementwise(layer))


def _passes(layer: Any) -> bool:
    if _filters_apart(layer):
        return True
    if isinstance(layer, keras.layers.Activation):
        return _elementwise(layer)
    if isinstance(layer, JOINS):
        # Else one channel is added to many.
        return all(len({shape[-1] for shape in node.input_shapes}) == 1 for node in layer.inbound_nodes)
    if isinstance(layer, keras.layers.BatchNormalization):
        return list(layer.axis) == [3]
    return isinstance(layer, PASSES)


def _elementwise(layer: Any) -> bool:
    return layer.get_config()["activation"] in ELEMENTWISE
