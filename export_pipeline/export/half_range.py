"""Keeps the sums of instance norms within half precision, by scaling what is summed and nothing that comes out.

An instance norm adds up every point of an image. In half precision, which ends at 65504, the sum of 344,064 values
(640x480 with its margin) overflows as soon as their mean is 0.19, and hardware that adds up in half precision gives no
number. Other forms of the norm, such as means in steps, take operations, time and bytes. But a norm gives the same
whatever its input is multiplied by, and convolutions, ReLU, sums and resizing pass a factor on. So the activations
between one norm and the next get a factor ``2^-k`` of their own: gamma and beta of the norm before them are multiplied
by it, and epsilon of the norm after them by its square. Where the image comes in, the input scale has the factor. No
operation is added but that input scale, and since all factors are powers of two, float32 results stay what they were,
bit for bit, but for :data:`LEAST_EPSILON`.

The factor is the largest at which the sum of the magnitudes of all points of a channel, and of their squares, is at
most half of 65504 on flat, striped and noisy pictures: a network alone decides it, so that one checkpoint gives one
file. It is no smaller than needed, for half precision has few digits below 6e-5 (:data:`SMALLEST`). Whether it is
small enough for photographs is what the verify stage sees when it runs the file with half-precision sums.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from export_pipeline.formats.convertible import convertible
from export_pipeline.models import layers as ours
from export_pipeline.records.signature import Port, Signature

LARGEST = 65504.0
MARGIN = 2.0  # between the largest sum that was met and what half precision holds
SMALLEST = -12  # exponent of the least factor: activations of order one are then of order 2e-4
# The smallest value of half precision. Less would be nothing there, and a flat channel divided by it.
LEAST_EPSILON = 2.0**-24
_KERNEL = 2.0**-3  # about what the largest value of the first kernel becomes

# Layers that give their input's factor on, with weights or without. Names, for Keras need not be loaded to read this.
_PASSING = (
    *("Add", "Subtract", "Concatenate", "Maximum", "Minimum", "Average", "Dropout"),
    *("UpSampling2D", "ZeroPadding2D", "Cropping2D", "SpaceToDepth", "DepthToSpace", "ScaleSize"),
    *("AveragePooling2D", "MaxPooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
    *("MirrorPadding", "EdgePadding"),
)
_CONVOLVING = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")
_LINEAR = ("linear", "relu")


@dataclass
class _Groups:
    """Tensors that have one factor; a group that is fixed has the factor 1."""

    parent: dict[int, int] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)

    def of(self, tensor: Any) -> int:
        """The number of the group of *tensor*."""
        number = id(tensor)
        while self.parent.setdefault(number, number) != number:
            number = self.parent[number]
        return number

    def join(self, tensors: Sequence[Any]) -> None:
        """Give all *tensors* one factor."""
        first, *others = (self.of(tensor) for tensor in tensors)
        for other in others:
            self.parent[other] = first

    def fix(self, tensors: Sequence[Any]) -> None:
        """Leave *tensors*, whose groups are whole, as they are."""
        self.fixed |= {self.of(tensor) for tensor in tensors}


def in_half_range(model: Any, signature: Signature) -> tuple[Any, tuple[str, ...]]:
    """A network that gives what *model* gives and whose norms add up within half precision, and a note for the report.

    Args:
        model: Keras network of static size.
        signature: what it takes and gives, in its order.

    Returns:
        *model* itself and no note where nothing is to be done, or nothing can be: norms of other kinds, inputs that are
        no pictures or that no factor can be given to.
    """
    groups = _groups(model)
    norms = [layer for layer in model.layers if isinstance(layer, ours.InstanceNormalization) and _node(layer)]
    if not norms or any(not _is_picture(port) for port in signature.inputs):
        return model, ()
    wanted = _exponents(model, norms, groups, _probes(signature))
    if not any(wanted.values()):
        return model, ()
    scaled = _scaled(model, groups, wanted)
    least, held = min(wanted.values()), sum(wanted.get(groups.of(norm.input), 0) < 0 for norm in norms)
    return scaled, (
        f"activations before {held} of {len(norms)} norms are "
        f"scaled by powers of two down to 2^{least}, so that their sums stay within half precision; the picture stays",
    )


def _node(layer: Any) -> Any:
    """How *layer* is called in the network; none where it is called more than once."""
    return layer.inbound_nodes[0] if len(layer.inbound_nodes) == 1 else None


def _ends(layer: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    import tensorflow as tf

    for node in layer.inbound_nodes:
        yield tf.nest.flatten(node.input_tensors), tf.nest.flatten(node.output_tensors)


def _groups(model: Any) -> _Groups:
    groups = _Groups()
    fixed = [*model.outputs]
    for layer in model.layers:
        for taken, given in _ends(layer):
            if len(layer.inbound_nodes) > 1:
                fixed += [*taken, *given]
            elif type(layer).__name__ == "MatchSize":  # the second input gives its size alone
                groups.join([taken[0], given[0]])
            elif _passes(layer):
                groups.join([*taken, *given])
            elif not isinstance(layer, ours.InstanceNormalization) and not _scales(layer):
                fixed += [*taken, *given]
    groups.fix(fixed)
    return groups


def _is_picture(port: Port) -> bool:
    return port.color is not None and len(port.shape) == 4 and port.shape[-1] == 3


def _passes(layer: Any) -> bool:
    """Whether what *layer* gives has the factor of what it takes."""
    kind = type(layer).__name__
    if kind == "ReLU":
        return bool(layer.max_value is None and not layer.threshold)
    if kind == "Activation":
        return bool(layer.activation.__name__ == "relu")
    if kind in _CONVOLVING:
        return layer.activation.__name__ in _LINEAR
    return kind in _PASSING


def _scales(layer: Any) -> bool:
    """Whether *layer* multiplies by a number, or by one: its place can take a factor."""
    if isinstance(layer, ours.Rescaling):
        return not layer.offset
    return type(layer).__name__ == "Activation" and layer.activation.__name__ == "linear"


def _probes(signature: Signature) -> Iterator[list[np.ndarray]]:
    """Batches of pictures that bring sums to their ends, a batch for each port."""
    yield from (list(batch) for batch in zip(*map(_pictures, signature.inputs), strict=True))


def _pictures(port: Port) -> Iterator[np.ndarray]:
    """Flat pictures of each color, stripes, and fine and coarse noise, in the range of *port*."""
    shape, noise = port.closed_shape, np.random.default_rng(0)
    low, high = port.low or 0.0, 255.0 if port.high is None else port.high
    made = [np.broadcast_to(color, shape) for color in itertools.product((0.0, 1.0), repeat=3)]
    made += [np.indices(shape)[axis] // (period // 2) % 2.0 for period in (2, 8) for axis in (1, 2)]
    made += [_blocks(noise, shape, block) for block in (1, 16)]
    for picture in made:
        yield (low + picture * (high - low)).astype(np.float32)


def _blocks(noise: np.random.Generator, shape: tuple[int, ...], block: int) -> np.ndarray:
    """Noise in squares of *block* points a side."""
    _, height, width, channels = shape
    coarse = noise.random((1, -(-height // block), -(-width // block), channels))
    return coarse.repeat(block, 1).repeat(block, 2)[:, :height, :width]


def _exponents(model: Any, norms: list[Any], groups: _Groups, probes: Iterable[list[np.ndarray]]) -> dict[int, int]:
    """The exponent of each group's factor, of those groups that a norm reads and that can have one."""
    import tensorflow as tf
    import tf_keras as keras

    free = [norm for norm in norms if groups.of(norm.input) not in groups.fixed]
    if not free:
        return {}
    watched = keras.Model(model.inputs, [norm.input for norm in free])
    found: dict[int, int] = {}
    for probe in probes:
        values = watched(probe[0] if len(probe) == 1 else probe, training=False)
        for norm, value in zip(free, tf.nest.flatten(values), strict=True):
            group = groups.of(norm.input)
            sums = float(tf.reduce_max(tf.reduce_sum(tf.abs(value), (1, 2))))
            squares = float(tf.reduce_max(tf.reduce_sum(tf.square(value), (1, 2))))
            found[group] = min(found.get(group, 0), _exponent(sums, squares))
    return found


def _exponent(sums: float, squares: float) -> int:
    """The largest exponent, 0 or less, at which neither a sum nor a sum of squares leaves half precision."""
    room = LARGEST / MARGIN
    needed = max(sums / room, math.sqrt(squares / room))
    return 0 if not 1 < needed < math.inf else max(SMALLEST, -math.ceil(math.log2(needed)))


def _scaled(model: Any, groups: _Groups, wanted: Mapping[int, int]) -> Any:
    import tf_keras as keras

    def exponent(tensor: Any) -> int:
        return wanted.get(groups.of(tensor), 0)

    shifts = {layer.name: _kernel_shift(layer) for layer in model.layers if _after_scale(model, layer, groups, wanted)}
    ends = {layer.name: next(_ends(layer)) for layer in model.layers if _node(layer)}

    def copied(layer: Any) -> Any:
        if layer.name not in ends:
            return convertible(layer)
        taken, given = ends[layer.name]
        if isinstance(layer, ours.InstanceNormalization) and exponent(taken[0]):
            least = max(layer.epsilon * 4.0 ** exponent(taken[0]), LEAST_EPSILON)
            return type(layer).from_config({**layer.get_config(), "epsilon": least})
        if _scales(layer):
            shift = exponent(given[0]) - exponent(taken[0]) - _shift_after(layer, shifts)
            scale = getattr(layer, "scale", 1.0) * 2.0**shift
            return ours.Rescaling(scale, name=layer.name) if scale != 1 else convertible(layer)
        return convertible(layer)

    scaled = keras.models.clone_model(model, clone_function=copied)
    for layer in model.layers:
        if layer.weights:
            given = ends[layer.name][1] if layer.name in ends else []
            factor = 2.0 ** exponent(given[0]) if given else 1.0
            weights = [_weight(layer, variable, factor, shifts.get(layer.name, 0)) for variable in layer.weights]
            scaled.get_layer(layer.name).set_weights(weights)
    return scaled


def _weight(layer: Any, variable: Any, factor: float, shift: int) -> np.ndarray:
    """A weight of *layer* whose output is to have *factor*: what is added gets it, what multiplies does not."""
    role, values = variable.name.split(":")[0].rsplit("/", 1)[-1], variable.numpy()
    adds = role == "bias" if type(layer).__name__ in _CONVOLVING else isinstance(layer, ours.InstanceNormalization)
    scaled: np.ndarray = values * np.float32(factor) if adds else values
    return scaled * np.float32(2.0**shift) if role == "kernel" and shift else scaled


def _after_scale(model: Any, layer: Any, groups: _Groups, wanted: Mapping[int, int]) -> bool:
    """Whether *layer* is a convolution that alone reads what an input scale gives, and has a factor."""
    if type(layer).__name__ != "Conv2D" or not _node(layer) or not wanted.get(groups.of(layer.output)):
        return False
    before = layer.inbound_nodes[0].inbound_layers
    return not isinstance(before, list) and _scales(before) and len(before.outbound_nodes) == 1


def _shift_after(layer: Any, shifts: Mapping[str, int]) -> int:
    """The exponent by which the kernel after the scale *layer* grows, and that the scale has to make up for."""
    after = [node.outbound_layer.name for node in layer.outbound_nodes]
    return shifts.get(after[0], 0) if len(after) == 1 else 0


def _kernel_shift(layer: Any) -> int:
    """The exponent that brings the largest value of a kernel near :data:`_KERNEL`: all digits of half precision."""
    largest = float(np.abs(layer.kernel.numpy()).max())
    return round(math.log2(_KERNEL / largest)) if largest else 0
