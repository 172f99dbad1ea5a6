"""TensorFlow's converter, set up for a network of static size, or open for several."""

from __future__ import annotations

from typing import Any

from export_pipeline.formats import static
from export_pipeline.formats.tflite import flexible
from export_pipeline.records.signature import Signature


def converter(model: Any, signature: Signature, half: bool = False) -> Any:
    """TensorFlow's converter of *model*, a Keras network of static size or open for the sizes of *signature*."""
    import tensorflow as tf

    model = flexible.without_sizes(model, signature)

    # The converter saves and loads what it is given; of a Keras model that would trace every layer once more.
    holder = tf.Module()
    holder.kept = model.variables
    function = static.function(model, signature)
    found = tf.lite.TFLiteConverter.from_concrete_functions([function], holder)
    if half:
        found.optimizations = [tf.lite.Optimize.DEFAULT]
        found.target_spec.supported_types = [tf.float16]
    return found
