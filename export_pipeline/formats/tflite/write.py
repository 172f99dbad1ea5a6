"""TFLite: NHWC image arrays in and out, with the signature in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats import static
from export_pipeline.formats.facts import Door, Facts
from export_pipeline.formats.tflite import flatbuffer
from export_pipeline.records.signature import METADATA_KEY, ImageSignature
from export_pipeline.targets import Scheme

# What an instance norm becomes, the residual sums and the final scaling between them. Kept in float they cost
# less than in 8 bits: squares of 8-bit differences lose the variance, and every step requantizes a whole image.
FLOAT_IN_FULL_INT8 = ("MEAN", "SQUARED_DIFFERENCE", "RSQRT", "SUB", "ADD", "MUL", "TANH")
FLOAT_NOTE = (
    "instance norm, residual sums and the final scaling stay in float: in 8 bits the variance of a channel is lost; "
    "every convolution computes in 8 bits"
)


def write(
    model: Any, signature: ImageSignature, scheme: Scheme, photographs: Sequence[np.ndarray], path: Path
) -> tuple[str, ...]:
    """Write *model*, of static size, as a TFLite file.

    Args:
        model: network from ``(1, H, W, 3)`` to the same shape, values 0..255.
        signature: names and size.
        scheme: fp16 or int8 weights; ``calibrated`` asks for 8-bit activations and a uint8 image in and out.
        photographs: ``(H, W, 3)`` uint8, of the signature's size; used where the scheme is calibrated.
        path: the file.

    Returns:
        What stayed in float against the word of the scheme, and why.
    """
    notes: tuple[str, ...] = ()
    if scheme.calibrated:
        data, notes = _full_integer(model, signature, photographs)
    else:
        data = _converter(model, signature, half=scheme.weights == "fp16").convert()
    content = flatbuffer.read(data)
    if scheme.weights == "int8" and not scheme.calibrated:
        # The converter's own pass skips tensors under 1,024 values, most of a small network, and takes no option.
        flatbuffer.quantize_kernels(content)
    if scheme.calibrated:
        flatbuffer.widen_output(content)
    flatbuffer.strip(content, signature)
    flatbuffer.add_metadata(content, signature.metadata())
    path.write_bytes(flatbuffer.write(content))
    return notes


def _converter(model: Any, signature: ImageSignature, half: bool = False) -> Any:
    import tensorflow as tf

    # The converter saves and loads what it is given; of a Keras model that would trace every layer once more.
    holder = tf.Module()
    holder.kept = model.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions([static.function(model, signature)], holder)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter


def _full_integer(
    model: Any, signature: ImageSignature, photographs: Sequence[np.ndarray]
) -> tuple[bytes, tuple[str, ...]]:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    batches = [photograph[None].astype(np.float32) for photograph in photographs]
    # One black and one white pixel, so that the input's range is 0..255 and not what these photographs reach.
    batches[0][0, 0, 0], batches[0][0, -1, -1] = signature.low, signature.high

    def samples() -> Any:
        for batch in batches:
            yield [batch]

    converter = _converter(model, signature)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    # What tf.lite.experimental.QuantizationDebugger does for its lists of operations to leave out, without its
    # debug build of the model, and with uint8 images, which it does not offer.
    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    normed = "RSQRT" in flatbuffer.operations(flatbuffer.read(calibrated))
    data = mlir_quantize(
        calibrated,
        input_data_type=tf.uint8,
        output_data_type=tf.uint8,
        denylisted_ops=list(FLOAT_IN_FULL_INT8) if normed else None,
    )
    return bytes(data), (FLOAT_NOTE,) if normed else ()


def facts(path: Path) -> Facts:
    """What the TFLite file at *path* holds."""
    from ai_edge_litert.interpreter import Interpreter

    content = flatbuffer.read(path.read_bytes())
    entries = flatbuffer.metadata(content)
    runner = Interpreter(model_path=str(path), num_threads=1)
    (called,) = runner.get_signature_list().values()  # names as get_signature_runner() takes them
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    if [called["inputs"], called["outputs"]] != [[d["name"] for d in inputs], [d["name"] for d in outputs]]:
        raise ExportError(f"{path.name}: its signature runner names {json.dumps(called)}, its tensors other names.")
    return Facts(
        inputs=tuple(_door(detail) for detail in inputs),
        outputs=tuple(_door(detail) for detail in outputs),
        kernels=flatbuffer.kernels(content),
        signature=ImageSignature.from_metadata({k: v for k, v in entries.items() if k == METADATA_KEY}),
    )


def _door(detail: dict[str, Any]) -> Door:
    kind = np.dtype(detail["dtype"])
    low, high = 0.0, 255.0
    if kind == np.uint8:
        scale, zero = detail["quantization"]
        low, high = (0 - zero) * scale, (255 - zero) * scale
    return Door(detail["name"], tuple(int(side) for side in detail["shape"]), kind.name, low, high)
