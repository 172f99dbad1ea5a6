"""VGG-19 up to relu5_1 as a feature extractor.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

# (convolutions, filters) of each block; a 2x2 max pooling lies between blocks.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
LAYERS = tuple(f"conv{b}_{c}" for b, (count, _) in enumerate(BLOCKS, 1) for c in range(1, count + 1))
MEAN_BGR = (103.939, 116.779, 123.68)


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Shape ``(3, 3, in, out)`` of the kernel of every layer in :data:`LAYERS`."""
    shapes, channels = {}, 3
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for conv in range(1, count + 1):
            shapes[f"conv{block}_{conv}"] = (3, 3, channels, filters)
            channels = filters
    return shapes


def vgg19(weights: Mapping[str, tuple[np.ndarray, np.ndarray]], outputs: Sequence[str]) -> keras.Model:
    """VGG-19 from RGB images to the named activations, such as ``relu3_1``.

    The weights become constants of the graph, not variables: TensorFlow then folds and fuses them, and
    nobody can train the loss network by mistake.

    Args:
        weights: kernel ``(3, 3, in, out)`` and bias ``(out,)`` by layer name as in :data:`LAYERS`.
        outputs: activations wanted, ``relu1_1`` .. ``relu5_4``, in the order wanted.

    Returns:
        A model from ``(N, H, W, 3)`` RGB 0..255 to the list of activations; a single one comes alone.
    """
    unknown = [name for name in outputs if name not in [layer.replace("conv", "relu") for layer in LAYERS]]
    if unknown or not outputs:
        raise ValueError(f"outputs {unknown or 'are empty'}; allowed: relu1_1 .. relu5_4")
    image = keras.Input((None, None, 3), name="image")
    found: dict[str, object] = {}
    x = image[..., ::-1] - tf.constant(MEAN_BGR)
    for layer in LAYERS[: 1 + max(LAYERS.index(name.replace("relu", "conv")) for name in outputs)]:
        if layer.endswith("_1") and layer != "conv1_1":
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        kernel, bias = (tf.constant(array, tf.float32) for array in weights[layer])
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))
        found[layer.replace("conv", "relu")] = x
    return keras.Model(image, [found[name] for name in outputs], name="vgg19")
