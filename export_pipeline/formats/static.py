"""The network at the one size that an exported file takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.records.signature import ImageSignature


def at_size(model: Any, signature: ImageSignature) -> Any:
    """A copy of *model* from ``(1, height, width, 3)`` to the same shape, with the same weights.

    Layers that fit sizes to each other then know them and leave no operation behind.

    Raises:
        ExportError: the network cannot take that size, or gives another one.
    """
    import tf_keras as keras

    shape = signature.shape("NHWC")
    image = keras.Input(shape[1:], batch_size=1, name=signature.input_name)
    try:
        copy = keras.models.clone_model(model, input_tensors=image)
        copy.set_weights(model.get_weights())
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"the network cannot be built for {signature.width}x{signature.height}: {reason}") from error
    if tuple(copy.output_shape) != shape:
        raise ExportError(
            f"the network turns {signature.width}x{signature.height} into shape {tuple(copy.output_shape)}; "
            f"{shape} is needed. Choose a height and width that are multiples of 4."
        )
    return copy


def function(model: Any, signature: ImageSignature, channels_first: bool = False) -> Any:
    """*model*, of static size, as a concrete function with the signature's names.

    With *channels_first* the output is transposed to ``(1, 3, H, W)``, as an image of Core ML must be.
    """
    import tensorflow as tf

    spec = tf.TensorSpec(signature.shape("NHWC"), tf.float32, name=signature.input_name)

    @tf.function(input_signature=[spec])
    def call(image: Any) -> Any:
        stylized = model(image, training=False)
        if channels_first:
            stylized = tf.transpose(stylized, (0, 3, 1, 2))
        return {signature.output_name: tf.identity(stylized, name=signature.output_name)}

    return call.get_concrete_function()


def kernels(model: Any) -> list[np.ndarray]:
    """The convolution kernels ``(height, width, in, out)`` of *model*."""
    return [weight.numpy() for weight in model.weights if "kernel" in weight.name and len(weight.shape) == 4]
