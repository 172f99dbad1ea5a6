"""VGG-19 as a feature extractor, as wide as its weights are.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

# (convolutions, filters) of each block; a 2x2 max pooling lies between blocks.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
LAYERS = tuple(f"conv{b}_{c}" for b, (count, _) in enumerate(BLOCKS, 1) for c in range(1, count + 1))
# The first activation of each block, which style transfer looks at.
STAGES = tuple(f"relu{b}_1" for b in range(1, len(BLOCKS) + 1))
MEAN_RGB = (123.68, 116.779, 103.939)


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Shape ``(3, 3, in, out)`` of the kernel of every layer in :data:`LAYERS`."""
    shapes, channels = {}, 3
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for conv in range(1, count + 1):
            shapes[f"conv{block}_{conv}"] = (3, 3, channels, filters)
            channels = filters
    return shapes


def needed_layers(outputs: Sequence[str]) -> tuple[str, ...]:
    """The convolutions up to the highest of *outputs*, lowest first.

    Raises:
        ValueError: there are none, or one is not ``relu1_1`` .. ``relu5_4`` or ``conv1_1`` .. ``conv5_4``.
    """
    unknown = [name for name in outputs if name.replace("relu", "conv") not in LAYERS]
    if unknown or not outputs:
        raise ValueError(f"outputs {unknown or 'are empty'}; allowed: relu1_1 .. relu5_4 and conv1_1 .. conv5_4")
    return LAYERS[: 1 + max(LAYERS.index(name.replace("relu", "conv")) for name in outputs)]


def activations(
    image: Any, weights: Mapping[str, tuple[Any, Any]], outputs: Sequence[str], repeated: bool = False
) -> list[Any]:
    """The activations *outputs* of *image*, ``(N, H, W, 3)`` RGB 0..255, in the order wanted.

    Args:
        weights: kernel ``(3, 3, in, out)`` and bias ``(out,)`` by layer name as in :data:`LAYERS`, as tensors or
            variables; any number of filters that fits from layer to layer.
        outputs: ``relu1_1`` .. ``relu5_4``, or ``conv1_1`` .. ``conv5_4``: the same before the ReLU.
        repeated: whether kernels see the outermost pixels repeated beyond the edges, in place of VGG's zeros. A
            decoder of such features paints no frame.
    """
    found: dict[str, Any] = {}
    x = image - tf.constant(MEAN_RGB)
    for layer in needed_layers(outputs):
        if layer.endswith("_1") and layer != "conv1_1":
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        kernel, bias = weights[layer]
        if layer == "conv1_1":
            kernel = kernel[:, :, ::-1]  # made for BGR; turning it costs less than turning every image
        seen = tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC") if repeated else x
        response = tf.nn.bias_add(tf.nn.conv2d(seen, kernel, 1, "VALID" if repeated else "SAME"), bias)
        x = tf.nn.relu(response)
        named = {layer: response, layer.replace("conv", "relu"): x}
        found |= {name: named[name] for name in named if name in outputs}
    return [found[name] for name in outputs]


def vgg19(weights: Mapping[str, tuple[Any, Any]], outputs: Sequence[str]) -> keras.Model:
    """VGG-19 from RGB images to the named activations, such as ``relu3_1``.

    The weights become constants of the graph, not variables: TensorFlow then folds and fuses them, and
    nobody can train the loss network by mistake.

    Args:
        weights, outputs: as of :func:`activations`; arrays.

    Returns:
        A model from ``(N, H, W, 3)`` RGB 0..255 to the list of activations; a single one comes alone.
    """
    image = keras.Input((None, None, 3), name="image")
    constants = {
        layer: tuple(tf.constant(array, tf.float32) for array in weights[layer]) for layer in needed_layers(outputs)
    }
    return keras.Model(image, activations(image, constants, outputs), name="vgg19")
