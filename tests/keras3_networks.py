"""Networks made and saved by Keras 3, with what they give: run in a process of its own, where Keras 2 is not chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers as L

IMAGE, SERIES, VECTOR = (12, 10, 4), (9, 6), (7,)
# Each layer that is translated, in one or more settings, on inputs of one shape.
LAYERS: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "conv1d": (SERIES, lambda: L.Conv1D(5, 3, strides=2, padding="causal", activation="relu")),
    "conv2d": (IMAGE, lambda: L.Conv2D(6, (3, 2), padding="same", dilation_rate=2, activation="tanh")),
    "conv2d_grouped": (IMAGE, lambda: L.Conv2D(6, 3, groups=2, use_bias=False)),
    "conv1d_transpose": (SERIES, lambda: L.Conv1DTranspose(5, 3, strides=2, padding="same")),
    "conv2d_transpose": (IMAGE, lambda: L.Conv2DTranspose(5, 3, strides=2, padding="same")),
    "depthwise1d": (SERIES, lambda: L.DepthwiseConv1D(3, padding="same", depth_multiplier=2)),
    "depthwise2d": (IMAGE, lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)),
    "separable1d": (SERIES, lambda: L.SeparableConv1D(5, 3, padding="same")),
    "separable2d": (IMAGE, lambda: L.SeparableConv2D(5, 3, activation="relu6")),
    "dense": (VECTOR, lambda: L.Dense(5, activation="sigmoid")),
    "dense_rank3": (SERIES, lambda: L.Dense(5, use_bias=False)),
    "flatten": (IMAGE, lambda: L.Flatten()),
    "permute": (IMAGE, lambda: L.Permute((3, 1, 2))),
    "repeat": (VECTOR, lambda: L.RepeatVector(3)),
    "reshape": (SERIES, lambda: L.Reshape((6, -1))),
    "dropouts": (
        SERIES,
        lambda: [L.Dropout(0.5), L.GaussianNoise(1.0), L.GaussianDropout(0.5), L.SpatialDropout1D(0.5)],
    ),
    "dropout2d": (IMAGE, lambda: [L.SpatialDropout2D(0.5), L.ActivityRegularization(0.1)]),
    "batch_norm": (IMAGE, lambda: L.BatchNormalization(epsilon=0.01)),
    "batch_norm_plain": (IMAGE, lambda: L.BatchNormalization(scale=False, center=False)),
    "layer_norm": (SERIES, lambda: L.LayerNormalization(epsilon=0.01)),
    "group_norm": (IMAGE, lambda: L.GroupNormalization(2)),
    "unit_norm": (VECTOR, lambda: L.UnitNormalization()),
    "max_pool1d": (SERIES, lambda: L.MaxPooling1D(2, padding="same")),
    "max_pool2d": (IMAGE, lambda: L.MaxPooling2D(3, strides=2, padding="same")),
    "mean_pool1d": (SERIES, lambda: L.AveragePooling1D(2)),
    "mean_pool2d": (IMAGE, lambda: L.AveragePooling2D(3, strides=2, padding="same")),
    "global_max1d": (SERIES, lambda: L.GlobalMaxPooling1D()),
    "global_max2d": (IMAGE, lambda: L.GlobalMaxPooling2D(keepdims=True)),
    "global_mean1d": (SERIES, lambda: L.GlobalAveragePooling1D()),
    "global_mean2d": (IMAGE, lambda: L.GlobalAveragePooling2D()),
    "up1d": (SERIES, lambda: L.UpSampling1D(2)),
    "up2d": (IMAGE, lambda: L.UpSampling2D((2, 3))),
    "up2d_bilinear": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "pad1d": (SERIES, lambda: L.ZeroPadding1D((1, 2))),
    "pad2d": (IMAGE, lambda: L.ZeroPadding2D(((1, 2), (0, 3)))),
    "crop1d": (SERIES, lambda: L.Cropping1D((1, 2))),
    "crop2d": (IMAGE, lambda: L.Cropping2D(((1, 2), (0, 3)))),
    "rescaling": (IMAGE, lambda: L.Rescaling(1 / 127.5, offset=-1)),
    "resizing": (IMAGE, lambda: L.Resizing(7, 15)),
    "relu": (VECTOR, lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)),
    "leaky_relu": (VECTOR, lambda: L.LeakyReLU(negative_slope=0.15)),
    "elu": (VECTOR, lambda: L.ELU(0.7)),
    "prelu": (IMAGE, lambda: L.PReLU(shared_axes=[1, 2])),
    "softmax": (SERIES, lambda: L.Softmax(axis=1)),
    "lstm": (SERIES, lambda: L.LSTM(4, return_sequences=True, unit_forget_bias=True)),
    "gru": (SERIES, lambda: L.GRU(4)),
    "gru_before": (SERIES, lambda: L.GRU(4, reset_after=False, go_backwards=True)),
    "simple_rnn": (SERIES, lambda: L.SimpleRNN(4, activation="relu")),
    "bidirectional": (SERIES, lambda: L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum")),
    "distributed": (SERIES, lambda: L.TimeDistributed(L.Dense(3, activation="relu"))),
    **{
        f"activation_{name}": (VECTOR, lambda name=name: L.Activation(name))  # type: ignore[misc]
        for name in (
            *("elu", "exponential", "gelu", "linear", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax"),
            *("softplus", "softsign", "swish", "tanh"),
        )
    },
}


@keras.saving.register_keras_serializable(package="strange")
class Twice(L.Layer):
    def call(self, x: Any) -> Any:
        return 2 * x


def mobilenet() -> Any:
    """Inverted residuals with depthwise and separable convolutions, after MobileNetV2; pixels 0..255."""
    x = image = keras.Input((32, 32, 3), name="picture")
    x = L.Rescaling(1 / 127.5, offset=-1)(x)
    x = _normed(L.Conv2D(8, 3, 2, "same", use_bias=False)(x))
    y = _normed(L.Conv2D(16, 1, use_bias=False)(x))
    y = _normed(L.DepthwiseConv2D(3, padding="same", use_bias=False)(y))
    y = L.BatchNormalization()(L.Conv2D(8, 1, use_bias=False)(y))
    x = L.SeparableConv2D(12, 3, padding="same", activation="relu")(L.Add()([x, y]))
    x = L.Dropout(0.2)(L.GlobalAveragePooling2D()(x))
    return keras.Model(image, L.Dense(10, activation="softmax", name="classes")(x))


def _normed(x: Any) -> Any:
    return L.ReLU(6.0)(L.BatchNormalization()(x))


def autoencoder() -> Any:
    """Two outputs: the signal again, and its code."""
    signal = keras.Input((16,), name="signal")
    code = L.Dense(4, name="code")(L.Dense(12, activation="relu")(signal))
    again = L.Dense(16, name="again")(L.Dense(12, activation="relu")(code))
    return keras.Model(signal, [again, code])


def nested() -> Any:
    """A network inside of another, twice called, with a frozen norm, and layers of the same names."""
    inner_input = keras.Input((8, 8, 3))
    inner = keras.Model(
        inner_input, L.BatchNormalization(name="norm")(L.Conv2D(4, 3, padding="same", name="conv")(inner_input))
    )
    inner.trainable = False
    one, other = keras.Input((8, 8, 3), name="one"), keras.Input((8, 8, 3), name="other")
    first, second = inner(one), inner(other, training=False)
    x = L.Concatenate()([first, second])
    head = keras.Sequential([keras.Input((8, 8, 8)), L.Conv2D(3, 1, name="conv"), L.Flatten(), L.Dense(2)])
    return keras.Model([one, other], {"score": head(x), "found": second})


def merging() -> Any:
    """Layers of two inputs."""
    one, other = keras.Input((7,), name="one"), keras.Input((7,), name="other")
    kinds = (L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Add)
    return keras.Model(
        [one, other], [*(kind()([one, other]) for kind in kinds), L.Dot(1, normalize=True)([one, other])]
    )


def operators() -> Any:
    """Arithmetic between layers, written as Python has it."""
    x = keras.Input((7,), name="x")
    y = L.Dense(7)(x / 2.0 - 0.5)
    return keras.Model(x, y * 3.0 + x)


def embedding() -> Any:
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    return keras.Model(tokens, L.GRU(3)(L.Embedding(11, 5)(tokens)))


def strange() -> Any:
    """Of layers that are not read: a class of its own, functions that Keras 2 computes otherwise, another network."""
    x = y = keras.Input((7,), name="x")
    y = L.Activation("hard_sigmoid", name="gate")(L.Dense(7)(y))
    return keras.Model(x, L.Lambda(lambda z: z + 1, name="plus")(Twice(name="twice")(y)))


def halved() -> Any:
    return keras.Sequential([keras.Input((7,)), L.Dense(3, dtype="mixed_float16", name="half")])


NETWORKS: dict[str, Callable[[], Any]] = {
    "mobilenet": mobilenet,
    "autoencoder": autoencoder,
    "nested": nested,
    "merging": merging,
    "operators": operators,
    "embedding": embedding,
}
REFUSED: dict[str, Callable[[], Any]] = {"strange": strange, "halved": halved}


def of_layer(name: str) -> Any:
    shape, build = LAYERS[name]
    x = first = keras.Input(shape)
    made = build()
    for layer in made if isinstance(made, list) else [made]:
        x = layer(x)
    return keras.Model(first, x)


def varied(model: Any) -> Any:
    """*model* with weights that all do something: norms begin with ones and zeros."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        if "seed" not in weight.name:
            least = 0.5 if "variance" in weight.name or "gamma" in weight.name else -0.5
            weight.assign(random.uniform(least, 1.0, weight.shape))
    return model


def inputs_for(model: Any) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    made = []
    for each in model.inputs:
        shape = (2, *each.shape[1:])
        made.append(random.integers(0, 11, shape) if each.dtype == "int32" else random.normal(0, 1.5, shape))
        made[-1] = made[-1].astype(each.dtype)
    return made


def main(folder: Path) -> None:
    builders = {f"layer_{name}": (lambda name=name: of_layer(name)) for name in LAYERS} | NETWORKS
    for number, (name, build) in enumerate(builders.items()):
        keras.utils.set_random_seed(number)
        keras.backend.clear_session()
        model = varied(build())
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
        inputs = inputs_for(model)
        outputs = keras.tree.flatten(model(inputs[0] if len(inputs) == 1 else inputs, training=False))
        arrays = {f"in{index}": array for index, array in enumerate(inputs)}
        arrays |= {f"out{index}": np.asarray(array) for index, array in enumerate(outputs)}
        np.savez(folder / f"{name}.npz", **arrays)
    for name, build in REFUSED.items():
        build().save(folder / f"{name}.keras")
    autoencoder().export(folder / "exported", verbose=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
