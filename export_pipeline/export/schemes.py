"""What each target means in its format: the settings of the converter, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["mlpackage", "mlmodel", "tflite", "onnx"]
Storage = Literal["int8", "fp16", "fp32"]


@dataclass(frozen=True)
class Scheme:
    """How one target is stored and computed.

    Attributes:
        format: the file's extension, which names the converter.
        weights: how every convolution kernel is stored; the file is read back and checked for it.
        interface: type of the image tensors at the door: ``image`` (Core ML), ``float32`` or ``uint8``.
        calibrated: whether photographs set the ranges of activations.
        reason: why these settings; the first note of every file, which the report prints.
    """

    format: Format
    weights: Storage
    interface: Literal["image", "float32", "uint8"]
    calibrated: bool
    reason: str


SCHEMES: dict[str, Scheme] = {
    "mlpackage-int8": Scheme(
        "mlpackage", "int8", "image", False,
        "8-bit linear symmetric weights with a scale for each output channel, unpacked once at load; "
        "computes in fp16, which the Neural Engine wants",
    ),
    "mlpackage-fp16": Scheme(
        "mlpackage", "fp16", "image", False,
        "fp16 weights and computation: no visible loss, runs on the Neural Engine",
    ),
    "mlmodel-int8": Scheme(
        "mlmodel", "int8", "image", False,
        "8-bit linear symmetric kernels with a scale for each output channel, so that pruned weights stay zero; norm "
        "parameters in fp16, which on vectors this short takes fewer bytes than an 8-bit table",
    ),
    "tflite-fp16": Scheme(
        "tflite", "fp16", "float32", False,
        "fp16 weights, unpacked to float32 on a CPU and used as they are on a GPU",
    ),
    "tflite-dynamic": Scheme(
        "tflite", "int8", "float32", False,
        "8-bit weights with a scale for each output channel; activations are quantized while running, so it needs "
        "no calibration and its norms stay exact",
    ),
    "tflite-int8": Scheme(
        "tflite", "int8", "uint8", True,
        "8-bit weights and activations with ranges from photographs, uint8 images at the door",
    ),
    "onnx-fp32": Scheme("onnx", "fp32", "float32", False, "the reference: every value as it was trained"),
}  # fmt: skip


def file_name(name: str, target: str) -> str:
    """The file of *target* in a bundle called *name*: ``mlpackage-int8`` of ``demo`` is ``demo-int8.mlpackage``."""
    form, precision = target.split("-")
    return f"{name}-{precision}.{form}"
