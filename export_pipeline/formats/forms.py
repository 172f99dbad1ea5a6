"""The form that a kernel takes in a file: dense, a table with indices, a mask with what is not zero, or both.

A clustered kernel has few values, a pruned one has zeros; nothing else is known of either. Every form holds the
values of the network in fp16, bit for bit, so that forms differ in bytes only and the smallest one is taken.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats.format import Kernel
from export_pipeline.targets import Storage, Target

# What each form costs in a program beside its values, over a dense constant: longer operations, for both two of them.
_PROGRAM_BYTES: dict[str, dict[Storage, int]] = {
    "mlpackage": {"palettized": 100, "sparse": 100, "joint": 300},
    "mlmodel": {},
    "aimodel": {"palettized": 60, "sparse": 60},
}
# Values that Core ML Tools keeps in the program itself, and does not look at when it compresses, are fewer.
LEAST_COMPRESSED = 10
_MAKES = {
    "palettized": "cluster it (compress.bits)",
    "sparse": "prune it (compress.schedule)",
    "joint": "prune and cluster it (compress.schedule, compress.bits)",
}


@dataclass(frozen=True)
class Form:
    """How a kernel is stored, and the bits of each value that is."""

    storage: Storage
    bits: int


DENSE = Form("fp16", 16)


def halves(kernel: np.ndarray) -> np.ndarray:
    """*kernel* as Apple's formats hold it, in fp16 without ``-0``: ``(out, in, height, width)`` of a convolution's
    ``(height, width, in, out)``, and ``(in, out)`` as it is.
    """
    arranged = np.transpose(kernel, (3, 2, 0, 1)) if kernel.ndim == 4 else kernel
    return np.ascontiguousarray(arranged.astype(np.float16) + np.float16(0))


def form_of(values: np.ndarray, target: Target) -> Form:
    """The smallest form that *target* allows for a kernel of these fp16 *values*; dense where none is smaller."""
    sizes = {form: _bytes(form, values, target) for form in (DENSE, *_allowed(values, target))}
    return min(sizes, key=sizes.__getitem__)


def _allowed(values: np.ndarray, target: Target) -> Iterator[Form]:
    nonzero = values[values != 0]
    if target.weights in ("palettized", "joint") and (bits := table_bits(values, target)):
        yield Form("palettized", bits)
    if target.weights in ("sparse", "joint") and nonzero.size:
        yield Form("sparse", 16)
    if target.weights == "joint" and nonzero.size and (bits := table_bits(nonzero, target)):
        yield Form("joint", bits)


def _bytes(form: Form, values: np.ndarray, target: Target) -> int:
    """Bytes of a kernel of these *values*, those of its operations in a program included."""
    masked = form.storage in ("sparse", "joint")
    total = _packed(int(np.count_nonzero(values)) if masked else values.size, form.bits)
    total += _packed(values.size, 1) if masked else 0
    if form.storage in ("palettized", "joint"):
        total += 2**form.bits * (4 if target.format == "mlmodel" else 2)  # the old format has tables of float32
    return total + _PROGRAM_BYTES[target.format].get(form.storage, 0)


def _packed(count: int, bits: int) -> int:
    return math.ceil(count * bits / 8)


def table_bits(values: np.ndarray, target: Target) -> int | None:
    """The least width of an index that *target* knows for a table of all *values*; none for too many."""
    distinct = np.unique(_comparable(values)).size
    return next((bits for bits in target.widths if distinct <= 2**bits), None)


def table(values: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``2**bits`` entries of a table of *values*, ascending and filled up with zeros, and uint8 indices."""
    distinct, indices = np.unique(_comparable(values), return_inverse=True)
    filled = np.zeros(2**bits, values.dtype)
    filled[: distinct.size] = distinct
    return filled, indices.reshape(-1).astype(np.uint8)


def _comparable(values: np.ndarray) -> np.ndarray:
    """*values* in float32: NumPy's sort of float16 puts some out of order on processors with AVX-512, where many are
    equal, and its ``unique`` then finds a value more than once (seen in NumPy 2.4 with 2,187 values, 8 of them
    distinct).
    """
    return values.astype(np.float32)


def check(target: Target, kernels: Sequence[np.ndarray]) -> None:
    """Refuse a network of *kernels* that gains nothing from *target*.

    Raises:
        ExportError: every kernel would be dense.
    """
    if all(form_of(halves(kernel), target) == DENSE for kernel in kernels):
        raise ExportError(
            f"{target.name} makes no kernel of this network smaller: "
            f"{_MAKES[target.weights]}, or leave the target out of [export] targets."
        )


def stored(target: Target, kernels: Sequence[np.ndarray]) -> tuple[Kernel, ...]:
    """Each of *kernels* in the form that *target* gives it, with the values that the file must hold."""
    pairs = [(form_of(half, target), half) for half in map(halves, kernels)]
    return tuple(Kernel(half.size, form.storage, form.bits, half) for form, half in pairs)


def uncompressed_if_tiny(target: Target, kernel: Kernel) -> Kernel:
    """*kernel*, in fp16 where it has so few weights that Core ML Tools does not compress it in a package."""
    if target.format == "mlpackage" and kernel.size < LEAST_COMPRESSED:
        return Kernel(kernel.size, DENSE.storage, DENSE.bits)
    return kernel


def note(target: Target, kernels: Sequence[np.ndarray]) -> str:
    """How many kernels take which form, in words."""
    counts = Counter(form_of(halves(kernel), target) for kernel in kernels)
    listed = sorted(counts.items(), key=lambda item: (item[0].storage, item[0].bits))
    words = ", ".join(f"{count} {_words(form)}" for form, count in listed)
    why = "; fp16 where that takes fewer bytes, or there are more than 256 values" if DENSE in counts else ""
    return f"kernels: {words}{why}"


def _words(form: Form) -> str:
    if form == DENSE:
        return "fp16"
    return form.storage if form.storage == "sparse" else f"{form.bits}-bit {form.storage}"
