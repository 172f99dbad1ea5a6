"""A case or more for each layer that Core AI files are written of, by what goes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Case = Callable[[Any], Any]


def _layers() -> Any:
    from export_pipeline.models import layers

    return layers


def _keras() -> Any:
    import tf_keras as keras

    return keras.layers


def images() -> Mapping[str, Case]:
    """Of ``(1, 12, 10, 4)``."""
    return {
        **{**_convolutions(), **_sizes(), **_norms(), **_poolings()},
        **{**_shapes(), **_arithmetic(), **_activations(), **_colors()},
    }


def _convolutions() -> Mapping[str, Case]:
    k = _keras()
    return {
        "conv": k.Conv2D(5, 3, strides=2, padding="same", activation="swish"),
        "conv_dilated": k.Conv2D(6, 3, dilation_rate=2, activation="gelu"),
        "conv_grouped": k.Conv2D(8, (3, 2), groups=2, activation="mish", use_bias=False),
        "depthwise": k.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
        "separable": k.SeparableConv2D(6, 3, padding="same", activation="softsign"),
        "transposed": k.Conv2DTranspose(5, 3, strides=2, padding="same"),
        "transposed_wide": k.Conv2DTranspose(3, 2, strides=3, padding="valid"),
        "transposed_even": k.Conv2DTranspose(4, 4, strides=2, padding="same", activation="relu6"),
        "dense": k.Dense(5, activation="tanh"),
        "each_row": k.TimeDistributed(k.Dense(3)),
    }


def _sizes() -> Mapping[str, Case]:
    k, own = _keras(), _layers()
    return {
        "up_nearest": k.UpSampling2D((2, 3)),
        "up_linear": k.UpSampling2D(3, interpolation="bilinear"),
        "resized_nearest": k.Resizing(6, 15, interpolation="nearest"),
        "resized_linear": k.Resizing(17, 6),
        "scaled": own.ScaleSize(0.7),
        "matched_cut": lambda x: own.MatchSize()([x, k.Cropping2D(((1, 0), (2, 1)))(x)]),
        "matched": lambda x: own.MatchSize(resize=True)([x, k.Cropping2D(1)(x)]),
        "mirrored": own.MirrorPadding(3),
        "continued": own.EdgePadding(2),
        "zeros": k.ZeroPadding2D(((1, 2), (0, 3))),
        "to_pixels": own.DepthToSpace(2),
        "to_channels": own.SpaceToDepth(4),
    }


def _norms() -> Mapping[str, Case]:
    k, own = _keras(), _layers()
    return {
        "instance": own.InstanceNormalization(),
        "batch": k.BatchNormalization(),
        "batch_bare": k.BatchNormalization(scale=False, center=False),
        "layer": k.LayerNormalization(),
        "group": k.GroupNormalization(2),
        "unit": k.UnitNormalization(),
    }


def _poolings() -> Mapping[str, Case]:
    k = _keras()
    return {
        "largest": k.MaxPooling2D(3, 2, padding="same"),
        "largest_inside": k.MaxPooling2D((2, 3)),
        "mean": k.AveragePooling2D(3, 2, padding="same"),
        "mean_inside": k.AveragePooling2D(2),
        "largest_of_all": k.GlobalMaxPooling2D(),
        "mean_of_all": k.GlobalAveragePooling2D(keepdims=True),
    }


def _shapes() -> Mapping[str, Case]:
    k = _keras()
    return {
        "flat": k.Flatten(),
        "reshaped": k.Reshape((8, 60)),
        "permuted": k.Permute((3, 1, 2)),
        "side_by_side": lambda x: k.Concatenate()([k.Conv2D(2, 1)(x), x]),
        "below": lambda x: k.Concatenate(axis=1)([x, k.ZeroPadding2D(((0, 1), (0, 0)))(x)]),
    }


def _arithmetic() -> Mapping[str, Case]:
    k, own = _keras(), _layers()

    def two(layer: Any) -> Case:
        return lambda x: layer([x, k.Conv2D(4, 1)(x)])

    idle = [k.Dropout(0.2), k.GaussianNoise(0.1), k.GaussianDropout(0.1), k.SpatialDropout2D(0.1), k.AlphaDropout(0.1)]
    return {
        "add": two(k.Add()),
        "subtract": two(k.Subtract()),
        "multiply": lambda x: k.Multiply()([x, k.GlobalAveragePooling2D(keepdims=True)(x)]),
        "average": two(k.Average()),
        "maximum": two(k.Maximum()),
        "minimum": two(k.Minimum()),
        "rescaled": own.Rescaling(0.3, 0.7),
        "rescaled_channels": k.Rescaling([0.1, 0.2, 0.3, 0.4], offset=[1.0, 2.0, 3.0, 4.0]),
        "numbers": lambda x: 2.0 - x * 3.0 / (x * x + 1.5),
        "between": lambda x: (x + k.Conv2D(4, 1)(x)) * x,
        "in_training": lambda x: k.ActivityRegularization()(_through(idle, x)),
    }


def _through(layers: list[Any], x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _activations() -> Mapping[str, Case]:
    from export_pipeline.formats.coreai.layers.activations import ACTIVATIONS

    k = _keras()
    return {
        **{f"activation_{name}": k.Activation(name) for name in ACTIVATIONS},
        "relu_bent": k.ReLU(max_value=1.5, negative_slope=0.1),
        "relu_from": k.ReLU(threshold=0.5, negative_slope=0.2),
        "leaky": k.LeakyReLU(0.2),
        "prelu": k.PReLU(shared_axes=[1, 2]),
        "elu": k.ELU(0.5),
        "softmax": k.Softmax(),
        "softmax_rows": k.Softmax(axis=1),
    }


def _colors() -> Mapping[str, Case]:
    """Of pictures, 0..255, that are made of the last three channels."""
    from export_pipeline.models import color_transfer as own

    k = _layers()

    def picture(x: Any) -> Any:
        return k.Rescaling(30.0, 120.0)(own.Channels(3)(x))

    return {
        "channels": own.Channels(3),
        "root": k.SquareRoot(),
        "told": lambda x: own.ColorStatistics()(picture(x)),
        "transferred": lambda x: own.ColorTransfer()(
            [
                picture(x),
                own.ColorStatistics()(k.Rescaling(0.8, 10.0)(k.MirrorPadding(3)(picture(x)))),
                k.Rescaling(0.0, 0.7)(_keras().GlobalAveragePooling2D(keepdims=True)(own.Channels(1)(x))),
            ]
        ),
    }


def series() -> Mapping[str, Case]:
    """Of ``(1, 7, 6)``."""
    k = _keras()
    steps = {"return_sequences": True}
    return {
        "conv": k.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="elu"),
        "conv_strided": k.Conv1D(5, 3, strides=2, padding="same"),
        "transposed": k.Conv1DTranspose(4, 3, strides=2, padding="same"),
        "depthwise": k.DepthwiseConv1D(3, padding="same"),
        "separable": k.SeparableConv1D(5, 3),
        "largest": k.MaxPooling1D(3, 2, padding="same"),
        "mean": k.AveragePooling1D(3, 2, padding="same"),
        "largest_of_all": k.GlobalMaxPooling1D(),
        "mean_of_all": k.GlobalAveragePooling1D(),
        "up": k.UpSampling1D(2),
        "zeros": k.ZeroPadding1D((1, 2)),
        "cut": k.Cropping1D((1, 2)),
        "dropped": k.SpatialDropout1D(0.1),
        "lstm": k.LSTM(4, **steps),
        "lstm_last": k.LSTM(3, go_backwards=True, use_bias=False),
        "gru": k.GRU(4, **steps),
        "gru_before": k.GRU(4, reset_after=False),
        "simple": k.SimpleRNN(4, **steps),
        "both": k.Bidirectional(k.LSTM(3, **steps)),
        "both_sum": k.Bidirectional(k.GRU(3), merge_mode="sum"),
        "both_mean": k.Bidirectional(k.SimpleRNN(3, **steps), merge_mode="ave"),
        "both_product": k.Bidirectional(k.SimpleRNN(3), merge_mode="mul"),
        "repeated": lambda x: k.RepeatVector(3)(k.GlobalMaxPooling1D()(x)),
        "dot": lambda x: k.Dot(axes=2)([x, k.Conv1D(6, 1)(x)]),
        "dot_unit": lambda x: k.Dot(axes=(1, 1), normalize=True)([x, k.Conv1D(5, 1)(x)]),
    }


def indices() -> Mapping[str, Case]:
    """Of whole numbers ``(1, 5)`` below 10."""
    return {"embedding": _keras().Embedding(10, 4)}


GROUPS: Mapping[str, tuple[Callable[[], Mapping[str, Case]], tuple[int, ...], str]] = {
    "images": (images, (1, 12, 10, 4), "float32"),
    "series": (series, (1, 7, 6), "float32"),
    "indices": (indices, (1, 5), "int32"),
}


def network(group: str) -> tuple[Any, list[str]]:
    """A network with an output for each case of *group*, its weights random, and the names of the cases."""
    import tf_keras as keras

    cases, shape, dtype = GROUPS[group]
    keras.utils.set_random_seed(0)
    given, made = keras.Input(shape[1:], dtype=dtype, name="x"), cases()
    model = keras.Model(given, [case(given) for case in made.values()])
    random = np.random.default_rng(0)
    for weight in model.weights:
        noise = random.normal(0, 0.3, weight.shape)
        weight.assign(1 + np.abs(noise) if "variance" in weight.name else weight.numpy() + noise)
    return model, list(made)


def sample(group: str) -> np.ndarray:
    """A batch of one for the network of *group*."""
    _, shape, dtype = GROUPS[group]
    random = np.random.default_rng(1)
    values = random.integers(0, 10, shape) if dtype == "int32" else random.normal(0, 1.5, shape)
    made: np.ndarray = values.astype(dtype)
    return made
