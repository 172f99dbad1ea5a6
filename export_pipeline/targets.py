"""Every target: a kind of file that the pipeline makes of a network, one row each.

What a recipe may ask for, what it makes without asking, the tolerances, the README's table and ``list`` are read
off :data:`TARGETS`. A new target of a known format is one more row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Storage = Literal["int8", "fp16", "fp32", "palettized", "sparse", "joint"]
Interface = Literal["image", "float32", "uint8"]
# What the compress stage leaves in a network: few values in each kernel, or zeros.
Need = Literal["clusters", "prunes"]
# A size of images as recipes and names have it: height, then width, pixels.
SIZE = r"[1-9][0-9]{0,3}x[1-9][0-9]{0,3}"

_GIVES: dict[Interface, str] = {
    "image": "RGB images, else arrays",
    "float32": "NHWC float32",
    "uint8": "NHWC uint8",
}


@dataclass(frozen=True)
class Tolerance:
    """The least PSNR against the float network, dB at peak 255, of the worst photograph; and why so much."""

    min_psnr: float
    reason: str


@dataclass(frozen=True)
class Target:
    """How one kind of file is stored and computed, and what it is for.

    Attributes:
        name: format and precision, such as ``mlpackage-int8``; of a file of a further size, as in
            ``mlpackage-int8@640x480``, that too.
        purpose: the systems and chips that it is for.
        weights: how every convolution kernel is stored; the file is read back and checked for it. The last three
            hold the fp16 values of the network bit for bit, each kernel in its smallest form.
        interface: how pictures go in and out: as an ``image`` (Core ML), or as an array of ``float32`` or ``uint8``.
        tolerance: how near to the float network its output must be.
        reason: why these settings; the first note of every file, which the report prints.
        calibrated: whether samples set the ranges of activations.
        needs: what the network must have been through; a network without it would gain nothing.
        default: whether a recipe that names no targets makes it, where its needs are met.
        widths: bits that an index into a table of weights may have, ascending.
        ios: the oldest system that an ML Program or a Core AI program asks for.
    """

    name: str
    purpose: str
    weights: Storage
    interface: Interface
    tolerance: Tolerance
    reason: str
    calibrated: bool = False
    needs: tuple[Need, ...] = ()
    default: bool = True
    widths: tuple[int, ...] = ()
    ios: int = 16

    @property
    def format(self) -> str:
        """The suffix of its files without the dot."""
        return self.name.split("-")[0]

    @property
    def exact(self) -> bool:
        """Whether the kernels must be those of the network bit for bit, in fp16."""
        return self.weights in ("palettized", "sparse", "joint")

    @property
    def half_sums(self) -> bool:
        """Whether hardware may add up in half precision what a file computes.

        ML Programs and TFLite files for GPUs leave that open. Core AI files say that sums of norms are float32, and
        neural networks say nothing of precision.
        """
        return self.format == "mlpackage" or (self.format == "tflite" and self.weights == "fp16")

    @property
    def flexible(self) -> bool:
        """Whether its format has files of several sizes, and its runtime here runs each of them."""
        return self.format in ("mlpackage", "mlmodel", "onnx", "tflite")

    def file_name(self, name: str) -> str:
        """Its file in a bundle called *name*: ``mlpackage-int8`` of ``demo`` is ``demo-int8.mlpackage``.

        That of ``mlpackage-int8@640x480`` is ``demo-640x480-int8.mlpackage``.
        """
        base, size = split_size(self.name)
        form, precision = base.split("-")
        return f"{name}-{f'{size}-' if size else ''}{precision}.{form}"


_FLOAT32 = Tolerance(60, "the same float32 arithmetic, only in another order")
_FLOAT16 = Tolerance(45, "float16 keeps 11 bits; 45 dB is 1.4 of 255 steps, below what an eye sees")
_EXACT16 = Tolerance(
    45,
    "the clustered or pruned network's own weights in float16: as exact as that. Measured 58.7 dB at 1 to 8 bits, "
    "of which rounding the image to bytes alone leaves 58.9",
)
_WEIGHTS8 = Tolerance(
    35, "8-bit weights, float arithmetic: each kernel is off by up to half a step of 1/127 of its peak"
)
_FULL8 = Tolerance(30, "weights and activations in 8 bits: each layer rounds its output to 256 values")

_ROWS = (
    Target(
        "mlpackage-int8", "iOS 16 and later: 8-bit per-channel weights, fp16 arithmetic", "int8", "image", _WEIGHTS8,
        "8-bit linear symmetric weights with a scale for each output channel, unpacked once at load; "
        "computes in fp16, which the Neural Engine wants",
    ),
    Target(
        "mlpackage-fp16", "iOS 16 and later, where 8-bit weights show", "fp16", "image", _FLOAT16,
        "fp16 weights and computation: no visible loss, runs on the Neural Engine",
    ),
    Target(
        "mlmodel-int8", "iOS 12 and later, and small: 8-bit per-channel weights", "int8", "image", _WEIGHTS8,
        "8-bit linear symmetric kernels with a scale for each output channel, so that pruned weights stay zero; norm "
        "parameters in fp16, which on vectors this short takes fewer bytes than an 8-bit table",
    ),
    Target(
        "tflite-fp16", "Android GPUs", "fp16", "float32", _FLOAT16,
        "fp16 weights, unpacked to float32 on a CPU and used as they are on a GPU",
    ),
    Target(
        "tflite-dynamic", "Android CPUs: 8-bit weights, float arithmetic where it pays", "int8", "float32", _WEIGHTS8,
        "8-bit weights with a scale for each output channel; activations are quantized while running, so it needs "
        "no calibration and its norms stay exact",
    ),
    Target(
        "tflite-int8", "Android NPUs and DSPs; instance norms stay float, as the report notes", "int8", "uint8", _FULL8,
        "8-bit weights and activations with ranges from samples, or trained; uint8 inputs and outputs",
        calibrated=True,
    ),
    Target(
        "onnx-fp32", "everything else, and a yardstick", "fp32", "float32", _FLOAT32,
        "the reference: every value as it was trained",
    ),
    Target(
        "mlpackage-palettized", "iOS 16 and later: the tables of a clustered network", "palettized", "image", _EXACT16,
        "the network's own tables of values and indices of 1, 2, 4, 6 or 8 bits; needs iOS 16",
        needs=("clusters",), widths=(1, 2, 4, 6, 8),
    ),
    Target(
        "mlmodel-palettized", "iOS 12 and later: the same, and the fewest bytes of all from 6 bits down",
        "palettized", "image", _EXACT16,
        "the network's own tables of values and indices of 1 to 8 bits; norm parameters in fp16",
        needs=("clusters",), widths=tuple(range(1, 9)),
    ),
    Target(
        "mlpackage-sparse", "iOS 16 and later: the zeros of a pruned network as a bit mask",
        "sparse", "image", _EXACT16,
        "a bit for each weight and the fp16 values of those that are not zero; needs iOS 16",
        needs=("prunes",),
    ),
    Target(
        "mlpackage-joint", "iOS 18 and later: tables and zeros together", "joint", "image", _EXACT16,
        "a bit for each weight, and indices of 1, 2, 3, 4, 6 or 8 bits into a table for those that are not zero; "
        "needs iOS 18",
        needs=("clusters", "prunes"), widths=(1, 2, 3, 4, 6, 8), ios=18,
    ),
    Target(
        "aimodel-fp16", "Core AI, iOS 27, where 8-bit weights show", "fp16", "float32", _FLOAT16,
        "fp16 weights and arithmetic, as the Neural Engine wants it; sums of norms in float32", default=False, ios=27,
    ),
    Target(
        "aimodel-int8", "Core AI, iOS 27: 8-bit per-channel weights", "int8", "float32", _WEIGHTS8,
        "8-bit linear symmetric weights with a scale for each output channel, unpacked once at load; "
        "computes in fp16, sums of norms in float32", default=False, ios=27,
    ),
    Target(
        "aimodel-palettized", "Core AI: the tables of a clustered network",
        "palettized", "float32", _EXACT16,
        "the network's own tables of values and indices of 1, 2, 3, 4, 6 or 8 bits, one table for each kernel",
        needs=("clusters",), widths=(1, 2, 3, 4, 6, 8), default=False, ios=27,
    ),
    Target(
        "aimodel-sparse", "Core AI: the zeros of a pruned network",
        "sparse", "float32", _EXACT16,
        "a bit for each weight and the fp16 values of those that are not zero",
        needs=("prunes",), default=False, ios=27,
    ),
)  # fmt: skip

TARGETS: dict[str, Target] = {row.name: row for row in _ROWS}


def at_size(name: str, size: str) -> str:
    """The name of the target *name* for images of *size*; without one, that of the size that all targets have."""
    return f"{name}@{size}" if size else name


def split_size(name: str) -> tuple[str, str]:
    """The name of a target, and its size; nothing where it is the one that all targets have."""
    base, _, size = name.partition("@")
    return base, size


def is_target(name: str) -> bool:
    """Whether *name* is that of a target, maybe of a further size."""
    base, at, size = name.partition("@")
    return base in TARGETS and (not at or re.fullmatch(SIZE, size) is not None)


def target_of(name: str) -> Target:
    """The target of *name*, maybe of a further size.

    Raises:
        KeyError: there is none.
    """
    base, size = split_size(name)
    return replace(TARGETS[base], name=name) if size else TARGETS[base]


def table() -> str:
    """The README's table of what each file is for, in Markdown."""
    lines = ["| target | file | for | what it takes and gives |", "| --- | --- | --- | --- |"]
    for row in TARGETS.values():
        lines.append(f"| `{row.name}` | `{row.file_name('*')}` | {row.purpose} | {_GIVES[row.interface]} |")
    return "\n".join(lines)
