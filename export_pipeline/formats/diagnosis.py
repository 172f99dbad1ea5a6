"""What can be told of any format's file from its contents alone: how much of it is floats, and whether it may be."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.formats.tensors import share
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis

# Values that one sum adds up without a word. In half precision 2,048 ones are 2,048, and one more changes nothing.
LONG_SUM = 2048
FEW = 0.01  # share of the values of all kernels that may be floats in a file of 8 bits
# What names of files say of their precision; the last word of these counts.
_PRECISIONS = ("int8", "fp16", "fp32", "float16", "float32", "dynamic", "palettized", "sparse", "joint")


def of_weights(path: Path, contents: Contents) -> Diagnosis:
    """The share of floats among the weights, and that a file called ``int8`` has float kernels, if it has."""
    return Diagnosis(float_share=float_share(contents), failures=float_kernels(path, contents))


def float_share(contents: Contents) -> float:
    """How much of the bytes of weights is stored as floats."""
    bits = [(row.parameters * row.bits, row.stored.startswith("float")) for row in contents.weights]
    return share(sum(size for size, floats in bits if floats), sum(size for size, _ in bits))


def float_kernels(path: Path, contents: Contents) -> tuple[str, ...]:
    """Why a file that is called ``int8`` is none: kernels of convolutions that it stores as floats.

    Converters leave a kernel of a few values as it is, whose scales would take more bytes than 8 bits save.
    """
    if not called_int8(path):
        return ()
    kernels = [row for row in contents.weights if row.convolution]
    floats = [row for row in kernels if row.stored.startswith("float")]
    size = sum(row.parameters for row in floats)
    if size <= FEW * sum(row.parameters for row in kernels):
        return ()
    return (
        f"{path.name} is called int8, and {len(floats)} of its {len(kernels)} kernels, {size:,} values, are stored as "
        f"{floats[0].stored}",
    )


def called_int8(path: Path) -> bool:
    """Whether the name of a file says that it is in 8 bits."""
    words = path.stem.lower().replace("_", "-").split("-")
    return next((word for word in reversed(words) if word in _PRECISIONS), "") == "int8"


def long_sums(counts: dict[str, int]) -> tuple[int | None, str]:
    """The longest of the sums in *counts*, how many values by operation, and those that are long in words."""
    if not counts:
        return None, ""
    longest = max(counts.values())
    return longest, ", ".join(kind for kind, count in sorted(counts.items()) if count == longest)
