"""Layers that every converter lowers to few operations, each with a full ``get_config``."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras as keras

EPSILON = 1e-5


@keras.utils.register_keras_serializable(package="export_pipeline")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image to mean ``beta`` and deviation ``gamma``.

    Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016.
    Input and output ``(N, H, W, C)``; weights ``gamma``, at first ``initial_gamma``, and ``beta`` of shape ``(C,)``.

    Written with ``tf.nn.moments`` and ``tf.nn.batch_normalization``: coremltools recognises that pair
    and makes one ``instance_norm`` of it, where the same formula by hand becomes nine operations.
    """

    def __init__(self, epsilon: float = EPSILON, initial_gamma: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"epsilon is {epsilon}; it must be above 0")
        self.epsilon, self.initial_gamma = float(epsilon), float(initial_gamma)

    def build(self, input_shape: Any) -> None:
        channels = int(input_shape[-1])
        initializer = keras.initializers.Constant(self.initial_gamma)
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer=initializer)
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if training:
            return _trainable_norm(inputs, tf.identity(self.gamma), tf.identity(self.beta), self.epsilon)
        mean, variance = tf.nn.moments(inputs, axes=[1, 2], keepdims=True)
        return tf.nn.batch_normalization(inputs, mean, variance, self.beta, self.gamma, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "initial_gamma": self.initial_gamma}


def _trainable_norm(inputs: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Instance norm with a gradient of its own: a third of the passes over the data that the rules of its parts make.

    Means are products of matrices, which read the data once and write nothing of its size. The variance is that of
    the squares less the square of the mean: off by about 1e-7 of the mean's square. The networks here have means of a
    few deviations, where zeros around the image bound them; at a hundred deviations it would be off by a tenth.
    """

    @tf.custom_gradient
    def normalized(x: Any, gamma: Any, beta: Any) -> Any:
        shape = tf.shape(x)
        count = tf.cast(shape[1] * shape[2], x.dtype)
        rows = tf.reshape(x, (shape[0], -1, x.shape[-1]))
        share = tf.ones((shape[0], 1, shape[1] * shape[2]), x.dtype) / count
        mean = tf.matmul(share, rows)
        variance = _mean_products(rows, rows, count) - tf.square(mean)
        inverse = tf.math.rsqrt(tf.nn.relu(variance) + epsilon)
        scale = gamma * inverse

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            upstream = tf.reshape(upstream, tf.shape(rows))
            of_beta = tf.matmul(share, upstream)
            of_gamma = (_mean_products(upstream, rows, count) - of_beta * mean) * inverse
            slope = scale * inverse * of_gamma
            inner = upstream * scale - rows * slope + (mean * slope - scale * of_beta)
            whole = (tf.reduce_sum(part, [0, 1]) * count for part in (of_gamma, of_beta))
            return tf.reshape(inner, shape), *whole

        return tf.reshape(rows * scale + (beta - mean * scale), shape), gradient

    return normalized(inputs, gamma, beta)


def _mean_products(first: Any, second: Any, count: Any) -> Any:
    """Mean over the rows of the products of each channel of both, ``(N, P, C)``: ``(N, 1, C)``."""
    return tf.linalg.diag_part(tf.matmul(first, second, transpose_a=True))[:, None] / count


@keras.utils.register_keras_serializable(package="export_pipeline")
class Rescaling(keras.layers.Layer):
    """``x * scale + offset``: between 0..255 of images and the values that a network computes with."""

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = float(scale), float(offset)

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale + self.offset if self.offset else inputs * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


@keras.utils.register_keras_serializable(package="export_pipeline")
class SquareRoot(keras.layers.Layer):
    """``sqrt(max(x, 0) + epsilon)``: of a variance that rounding may have made negative."""

    def __init__(self, epsilon: float = EPSILON, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"epsilon is {epsilon}; it must be above 0")
        self.epsilon = float(epsilon)

    def call(self, inputs: Any) -> Any:
        return tf.sqrt(tf.nn.relu(inputs) + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.utils.register_keras_serializable(package="export_pipeline")
class ScaleSize(keras.layers.Layer):
    """Resizes ``(N, H, W, C)`` to ``(N, round(rho H), round(rho W), C)``, bilinear.

    The entry of a network with a resolution multiplier (Howard et al., "MobileNets", 2017).
    """

    def __init__(self, rho: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 < rho <= 1:
            raise ValueError(f"rho is {rho}; it must be above 0 and at most 1")
        self.rho = float(rho)

    def call(self, inputs: Any) -> Any:
        height, width = _size(inputs)
        return tf.image.resize(inputs, (self._scaled(height), self._scaled(width)))

    def _scaled(self, side: Any) -> Any:
        if isinstance(side, int):
            return max(1, round(side * self.rho))
        # In 64 bits as Python computes, so that a size known only when it runs is rounded to the same.
        return tf.maximum(1, tf.cast(tf.round(tf.cast(side, tf.float64) * self.rho), tf.int32))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho}


@keras.utils.register_keras_serializable(package="export_pipeline")
class DepthToSpace(keras.layers.Layer):
    """Channels become pixels: ``(N, H, W, block^2 C)`` to ``(N, block H, block W, C)``.

    The sub-pixel convolution of Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016, less its
    convolution. Channel ``(block i + j) C + c`` becomes channel ``c`` of row ``i`` and column ``j`` of a square.
    """

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if block < 2:
            raise ValueError(f"block is {block}; it must be 2 or more")
        self.block = int(block)

    def call(self, inputs: Any) -> Any:
        return tf.nn.depth_to_space(inputs, self.block)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block": self.block}


@keras.utils.register_keras_serializable(package="export_pipeline")
class MirrorPadding(keras.layers.Layer):
    """Mirrors ``(N, H, W, C)`` beyond its edges by ``margin`` pixels each, the edges themselves not repeated.

    Height and width must be more than ``margin``.
    """

    def __init__(self, margin: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if margin < 1:
            raise ValueError(f"margin is {margin}; it must be 1 or more")
        self.margin = int(margin)

    def call(self, inputs: Any) -> Any:
        sides = (self.margin, self.margin)
        return tf.pad(inputs, ((0, 0), sides, sides, (0, 0)), mode="REFLECT")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}


@keras.utils.register_keras_serializable(package="export_pipeline")
class EdgePadding(keras.layers.Layer):
    """Repeats the outermost rows and columns of ``(N, H, W, C)``, ``margin`` times at each edge.

    Written with slices and a concatenation: TFLite's mirroring takes a hundred times as long as these, and coremltools
    reads ``tf.pad`` with ``SYMMETRIC`` as if it were ``REFLECT``.
    """

    def __init__(self, margin: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if margin < 1:
            raise ValueError(f"margin is {margin}; it must be 1 or more")
        self.margin = int(margin)

    def call(self, inputs: Any) -> Any:
        rows = tf.concat([*[inputs[:, :1]] * self.margin, inputs, *[inputs[:, -1:]] * self.margin], 1)
        return tf.concat([*[rows[:, :, :1]] * self.margin, rows, *[rows[:, :, -1:]] * self.margin], 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}


@keras.utils.register_keras_serializable(package="export_pipeline")
class SpaceToDepth(keras.layers.Layer):
    """Pixels become channels: ``(N, H, W, C)`` to ``(N, ceil(H / block), ceil(W / block), block^2 C)``.

    What :class:`DepthToSpace` undoes. Sides that are no multiple of ``block`` are filled up with zeros at their end.
    """

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if block < 2:
            raise ValueError(f"block is {block}; it must be 2 or more")
        self.block = int(block)

    def call(self, inputs: Any) -> Any:
        rows, columns = (-side % self.block for side in _size(inputs))
        # Where the sizes are known and fit, as in an export, no operation is made.
        fits = isinstance(rows, int) and isinstance(columns, int) and rows == columns == 0
        filled = inputs if fits else tf.pad(inputs, ((0, 0), (0, rows), (0, columns), (0, 0)))
        return tf.nn.space_to_depth(filled, self.block)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block": self.block}


@keras.utils.register_keras_serializable(package="export_pipeline")
class WholeSpaceToDepth(SpaceToDepth):
    """:class:`SpaceToDepth` for sides that are not known yet but are multiples of ``block``: it never pads."""

    def call(self, inputs: Any) -> Any:
        return tf.nn.space_to_depth(inputs, self.block)


@keras.utils.register_keras_serializable(package="export_pipeline")
class MatchSize(keras.layers.Layer):
    """Brings ``[x, like]`` to the height and width of ``like``: crops *x*, or resizes it (bilinear).

    Two strides of 2 round odd sizes up and the upsamplings keep the excess, which is cropped. Where
    the sizes are known and equal, as in an export at a multiple of four, no operation is made.
    """

    def __init__(self, resize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.resize = bool(resize)

    def call(self, inputs: Any) -> Any:
        x, like = inputs
        if x.shape[1:3].is_fully_defined() and x.shape[1:3] == like.shape[1:3]:
            return x
        wanted = _size(like)
        return tf.image.resize(x, wanted) if self.resize else x[:, : wanted[0], : wanted[1], :]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "resize": self.resize}


@keras.utils.register_keras_serializable(package="export_pipeline")
class First(keras.layers.Layer):
    """The first of its inputs, as it is: what :class:`MatchSize` is where the sizes are equal, and not known."""

    def call(self, inputs: Any) -> Any:
        return tf.identity(inputs[0])


def _size(x: Any) -> tuple[Any, Any]:
    """Height and width of *x*: integers where the graph knows them, else scalar tensors."""
    height, width = (x.shape[axis] if x.shape[axis] is not None else tf.shape(x)[axis] for axis in (1, 2))
    return height, width
