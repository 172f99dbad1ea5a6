"""TFLite: arrays in and out, with the signature in the file's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from export_pipeline.errors import ExportError
from export_pipeline.formats import static
from export_pipeline.formats.format import Conversion, Kernel
from export_pipeline.formats.tflite import flatbuffer, flexible, norms, scalings, trained
from export_pipeline.formats.tflite.converter import converter
from export_pipeline.records.signature import Port, Signature
from export_pipeline.targets import Target

# What an instance norm becomes, the residual sums and the final scaling between them. Kept in float they cost
# less than in 8 bits: squares of 8-bit differences lose the variance, and every step requantizes a whole image.
FLOAT_IN_FULL_INT8 = ("MEAN", "SQUARED_DIFFERENCE", "RSQRT", "SUB", "ADD", "MUL", "TANH")
FLOAT_NOTE = (
    "instance norm, residual sums and the final scaling stay in float: in 8 bits the variance of a channel is lost; "
    "every convolution computes in 8 bits"
)
# TFLite copies the bytes, and the converter gives the copy another scale: off by half of the largest output.
REVERSED = "REVERSE_V2"
REVERSED_NOTE = "series that run backwards are reversed in float"


def file_signature(network: Signature, target: Target) -> Signature:
    """The network's ports in the type of the target; the range of an 8-bit tensor is set by the samples."""
    inputs, outputs = (tuple(_of_file(port, target) for port in side) for side in (network.inputs, network.outputs))
    return Signature(inputs=inputs, outputs=outputs)


def _of_file(port: Port, target: Target) -> Port:
    return port.model_copy(update={"dtype": target.interface}) if port.dtype == "float32" else port


def write(conversion: Conversion, path: Path) -> tuple[str, ...]:
    """Write a TFLite file.

    Returns:
        What stayed in float against the word of the target, and why.
    """
    target, signature = conversion.target, file_signature(conversion.signature, conversion.target)
    notes: tuple[str, ...] = ()
    if target.calibrated:
        data, notes = _calibrated(conversion) if conversion.rounded is None else trained.convert(conversion)
    else:
        data = converter(conversion.model, conversion.signature, half=target.weights == "fp16").convert()
    content = flatbuffer.read(data)
    flatbuffer.put_in_order(content, signature)
    if signature.sizes:
        flexible.put_first_shapes(data, content, signature)
    if target.weights == "int8" and not target.calibrated:
        # The converter's own pass skips tensors under 1,024 values, most of a small network, and takes no option.
        flatbuffer.quantize_kernels(content)
    if target.calibrated:
        flatbuffer.widen_pictures(content, signature)
        signature = flatbuffer.quantized_as_stored(content, signature)
    if conversion.rounded is not None:
        trained.check(content, conversion.rounded.ranges)
    if target.calibrated:
        scalings.fold(content)
    norms.fold(content)
    flatbuffer.strip(content, signature)
    flatbuffer.add_metadata(content, {**conversion.metadata, **signature.metadata()})
    path.write_bytes(flatbuffer.write(content))
    return notes


def _calibrated(conversion: Conversion) -> tuple[bytes, tuple[str, ...]]:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    signature = conversion.signature
    batches = [static.batch(sample, signature) for sample in conversion.samples]
    # One black and one white pixel, so that a picture's range is 0..255 and not what these samples reach.
    for array, port in zip(batches[0], signature.inputs, strict=True):
        if port.color is not None:
            array[0, 0, 0], array[0, -1, -1] = port.low, port.high

    # By name: the converter's own order of inputs is not the signature's.
    named = [dict(zip((port.name for port in signature.inputs), batch, strict=True)) for batch in batches]

    def samples() -> Any:
        yield from named

    calibrating = converter(conversion.model, signature)
    calibrating.optimizations = [tf.lite.Optimize.DEFAULT]
    calibrating.representative_dataset = samples
    # What tf.lite.experimental.QuantizationDebugger does for its lists of operations to leave out, without its
    # debug build of the model, and with uint8 images, which it does not offer.
    calibrating._experimental_calibrate_only = True
    calibrated = calibrating.convert()
    operations = flatbuffer.operations(flatbuffer.read(calibrated))
    normed, reverses = "RSQRT" in operations, REVERSED in operations
    floats = [*(FLOAT_IN_FULL_INT8 if normed else ()), *([REVERSED] if reverses else ())]
    data = mlir_quantize(
        calibrated,
        input_data_type=tf.uint8,
        output_data_type=tf.uint8,
        denylisted_ops=floats or None,
    )
    return bytes(data), (*((FLOAT_NOTE,) if normed else ()), *((REVERSED_NOTE,) if reverses else ()))


def kernels(path: Path) -> tuple[Kernel, ...]:
    """Every kernel in the TFLite file at *path*, whose signature must name its tensors as they are."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path), num_threads=1)
    (called,) = runner.get_signature_list().values()  # names as get_signature_runner() takes them
    tensors = [sorted(d["name"] for d in side) for side in (runner.get_input_details(), runner.get_output_details())]
    if [sorted(called["inputs"]), sorted(called["outputs"])] != tensors:
        raise ExportError(f"{path.name}: its signature runner names {json.dumps(called)}, its tensors other names.")
    return flatbuffer.kernels(flatbuffer.read(path.read_bytes()))
