"""Any file of weights as a compact container of clustered ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, computed_field

from export_pipeline import coding
from export_pipeline.base.size import Size, size_of
from export_pipeline.coding import CodedTensor
from export_pipeline.coding.weight_files import read_arrays
from export_pipeline.errors import UsageError, WeightsError
from export_pipeline.kmeans import kmeans

MOST_BITS = 8
Arrays = Mapping[str, np.ndarray]


class QuantizedTensor(BaseModel):
    """What became of one tensor, as read back from the container."""

    model_config = ConfigDict(frozen=True)

    name: str
    shape: tuple[int, ...]
    clusters: int | None = Field(description="entries of its table; None for a tensor that was not clustered")
    zeros: int
    bytes: int = Field(description="in the container, without its name and shape")
    squared_error: float = Field(description="against the source")
    squared_norm: float = Field(description="of the source")


class Quantized(BaseModel):
    """A container that was made, and what it was made of."""

    model_config = ConfigDict(frozen=True)

    source: Path
    output: Path
    bits: int = Field(description="of an index, where a tensor was given none of its own")
    before: Size
    after: Size
    tensors: tuple[QuantizedTensor, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def snr_db(self) -> float | None:
        """Signal to noise ratio of all clustered tensors together, in dB."""
        clustered = [row for row in self.tensors if row.clusters]
        return snr_db(sum(row.squared_error for row in clustered), sum(row.squared_norm for row in clustered))


def snr_db(squared_error: float, squared_norm: float) -> float | None:
    """``10 log10(squared_norm / squared_error)``; None where there is no error."""
    return 10 * math.log10(squared_norm / squared_error) if squared_error and squared_norm else None


def quantize(
    source: Path | str,
    bits: int,
    output: Path | str | None = None,
    half: bool = False,
    sparsity: float = 0.0,
    say: Callable[[str], None] = lambda _: None,
    select: Callable[[Arrays], Arrays] = lambda arrays: arrays,
    bits_of: Callable[[str], int | None] = lambda name: None,
) -> Quantized:
    """Cluster the kernels and matrices of *source* by k-means, a table for each, and write them as a container.

    Tensors of floats with two axes or more are clustered, and become float32. A tensor too small for a table to pay
    is not. Biases, norms and integers are kept. Zeros stay zeros.

    Args:
        source: .h5, .keras, .npz or .safetensors.
        bits: 1 to 8 bits of an index, which is 2 to 256 entries of a table.
        output: a ``.weights`` file; ``<source>-<bits>bit.weights`` beside the source by default.
        half: round tables and kept floats to half precision.
        sparsity: share of each tensor with two axes or more, its smallest values, that is set to zero before.
        say: gets a line for each tensor that is clustered.
        select: gives the tensors to store, and their names there, for those of the source; all of them by default.
        bits_of: of a single tensor by its name, 1 to 8; ``None`` leaves it at *bits*.

    Raises:
        UsageError: an argument is out of range, or the output's suffix is another.
        WeightsError: the source cannot be read, or holds values that are not finite as what they are to become.
        OutputError: the container cannot be written.
    """
    source = Path(source)
    output = _output(source, bits, output)
    _allowed(bits)
    if not 0 <= sparsity < 1:
        raise UsageError(f"a sparsity of {sparsity:g} is not possible; it must be 0 or more and less than 1")
    arrays = select(read_arrays(source))
    _require_finite(arrays, half, source)
    each = {name: bits if (own := bits_of(name)) is None else _allowed(own) for name in arrays}
    coding.write(output, dict(_quantized(arrays, each, half, sparsity, say)))
    return Quantized(
        source=source,
        output=output,
        bits=bits,
        before=size_of(source),
        after=size_of(output),
        tensors=tuple(_compared(arrays, output)),
    )


def default_output(source: Path, bits: int) -> Path:
    """``<source>-<bits>bit.weights`` beside *source*."""
    return source.with_name(f"{source.stem.removesuffix(coding.SUFFIX)}-{bits}bit{coding.SUFFIX}")


def _output(source: Path, bits: int, output: Path | str | None) -> Path:
    if output is None:
        return default_output(source, bits)
    if Path(output).suffix != coding.SUFFIX:
        raise UsageError(f"{output} does not end in {coding.SUFFIX}, which is what is written. Choose another name.")
    return Path(output)


def _allowed(bits: int) -> int:
    if not 1 <= bits <= MOST_BITS:
        raise UsageError(f"{bits} bits are not possible; allowed: 1 to {MOST_BITS}")
    return bits


def _require_finite(arrays: Arrays, half: bool, source: Path) -> None:
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            continue
        become = np.dtype(np.float16 if half else np.float32 if array.ndim > 1 else array.dtype)
        with np.errstate(over="ignore"):
            if not np.isfinite(array.astype(become)).all():
                advice = " Leave out --half." if half and np.isfinite(array.astype(np.float32)).all() else ""
                raise WeightsError(f"{source}: {name} holds values that are not finite as {become}.{advice}")


def _quantized(
    arrays: Arrays, bits: Mapping[str, int], half: bool, sparsity: float, say: Callable[[str], None]
) -> Iterator[tuple[str, CodedTensor | np.ndarray]]:
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            yield name, array
        elif array.ndim < 2 or not array.size:
            yield name, _rounded(array, half)
        else:
            say(f"{name}: {array.size} values to {bits[name]} bits")
            yield name, _clustered(_pruned(np.array(array, np.float32, order="C"), sparsity), bits[name], half)


def _clustered(array: np.ndarray, bits: int, half: bool) -> CodedTensor | np.ndarray:
    """float32 *array* by table and indices, or rounded only if that is smaller."""
    found = kmeans(array, 1 << bits, keep_zero=True)
    item = 2 if half else 4
    if found.centroids.size * item + array.size * bits / 8 >= array.size * item:
        return _rounded(array, half)
    return CodedTensor(_rounded(found.centroids, half), found.indices)


def _rounded(array: np.ndarray, half: bool) -> np.ndarray:
    """*array* in its own type, its values as half precision has them if *half*."""
    return array.astype(np.float16).astype(array.dtype) if half else array


def _pruned(array: np.ndarray, sparsity: float) -> np.ndarray:
    """*array* with the smallest of its values, by magnitude, at zero: the share *sparsity* of all."""
    dropped = int(sparsity * array.size)
    if dropped:
        array.reshape(-1)[np.argpartition(np.abs(array), dropped - 1, axis=None)[:dropped]] = 0
    return array


def _compared(arrays: Arrays, output: Path) -> Iterator[QuantizedTensor]:
    """Each tensor of the container against its source."""
    found = coding.read(output)
    for record in coding.records(output):
        before, after = arrays[record.name].astype(np.float64), found[record.name].astype(np.float64)
        yield QuantizedTensor(
            name=record.name,
            shape=record.shape,
            clusters=record.clusters or None,
            zeros=int(after.size - np.count_nonzero(after)),
            bytes=sum(record.lengths),
            squared_error=float(np.sum((before - after) ** 2)),
            squared_norm=float(np.sum(before**2)),
        )
