"""What each target means in its format: the settings of the converter, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["mlpackage", "mlmodel", "tflite", "onnx"]
Storage = Literal["int8", "fp16", "fp32", "palettized", "sparse", "joint"]


@dataclass(frozen=True)
class Scheme:
    """How one target is stored and computed.

    Attributes:
        format: the file's extension, which names the converter.
        weights: how every convolution kernel is stored; the file is read back and checked for it. The last three
            hold the fp16 values of the network bit for bit, each kernel in its smallest form (``forms.py``).
        interface: type of the image tensors at the door: ``image`` (Core ML), ``float32`` or ``uint8``.
        calibrated: whether photographs set the ranges of activations.
        reason: why these settings; the first note of every file, which the report prints.
        widths: bits that an index into a table of weights may have, ascending.
        ios: the oldest system that an ML Program asks for.
    """

    format: Format
    weights: Storage
    interface: Literal["image", "float32", "uint8"]
    calibrated: bool
    reason: str
    widths: tuple[int, ...] = ()
    ios: int = 16

    @property
    def exact(self) -> bool:
        """Whether the kernels must be those of the network bit for bit, in fp16."""
        return self.weights in ("palettized", "sparse", "joint")


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
    "mlpackage-palettized": Scheme(
        "mlpackage", "palettized", "image", False,
        "the network's own tables of values and indices of 1, 2, 4, 6 or 8 bits; needs iOS 16",
        widths=(1, 2, 4, 6, 8),
    ),
    "mlmodel-palettized": Scheme(
        "mlmodel", "palettized", "image", False,
        "the network's own tables of values and indices of 1 to 8 bits; norm parameters in fp16",
        widths=tuple(range(1, 9)),
    ),
    "mlpackage-sparse": Scheme(
        "mlpackage", "sparse", "image", False,
        "a bit for each weight and the fp16 values of those that are not zero; needs iOS 16",
    ),
    "mlpackage-joint": Scheme(
        "mlpackage", "joint", "image", False,
        "a bit for each weight, and indices of 1, 2, 3, 4, 6 or 8 bits into a table for those that are not zero; "
        "needs iOS 18",
        widths=(1, 2, 3, 4, 6, 8), ios=18,
    ),
}  # fmt: skip


def file_name(name: str, target: str) -> str:
    """The file of *target* in a bundle called *name*: ``mlpackage-int8`` of ``demo`` is ``demo-int8.mlpackage``."""
    form, precision = target.split("-")
    return f"{name}-{precision}.{form}"
