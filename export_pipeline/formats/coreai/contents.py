"""Contents and kernels of an ``.aimodel`` folder, out of what the worker reads of its program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.coreai import asset
from export_pipeline.formats.coreai.process import Process
from export_pipeline.formats.format import Kernel
from export_pipeline.formats.tensors import summary, weight
from export_pipeline.records.contents import Contents, Weight

# Operations with a kernel, and which operand it is.
_KERNELS = {"conv2d": 1, "conv_transpose2d": 1, "conv3d": 1, "conv_transpose3d": 1, "batch_matmul": 1}
_CONVOLUTIONS = tuple(name for name in _KERNELS if name.startswith("conv"))
# What a kernel may pass through on its way from where it is stored.
_PASSES = ("cast", "slice", "reshape", "transpose")
_UNPACKED = {"blockwise_shift_scale": "int8", "lut_to_dense": "palettized", "sparse_with_bitmask_to_dense": "sparse"}
_FLOATS = {"float16": ("fp16", 16), "float32": ("fp32", 32), "float64": ("fp64", 64)}


@dataclass(frozen=True)
class Stored:
    """Values that a program computes with, and how they lie in it."""

    values: np.ndarray
    storage: str
    bits: int


class Program:
    """The first function of a program, as ``reader.py`` tells it."""

    def __init__(self, told: dict[str, Any], arrays: Sequence[np.ndarray]) -> None:
        functions = told["functions"]
        if not functions:
            raise ModelError("its program has no function")
        main = next((each for each in functions if each["name"] == "main"), functions[0])
        self.function: str = main["name"]
        self.inputs: list[dict[str, Any]] = main["inputs"]
        self.outputs: list[dict[str, Any]] = main["outputs"]
        self.operations: list[dict[str, Any]] = main["operations"]
        self._arrays = arrays
        self._makers = {made["number"]: each for each in self.operations for made in each["results"]}

    @cached_property
    def stored(self) -> dict[int, Stored]:
        """Every tensor of weights, by the number of the value that is computed with."""
        found = {number: Stored(*parts) for number, parts in self._found()}
        used = {operand for each in self.operations if each["name"] in _UNPACKED for operand in self._sources(each)}
        repeated = {each["results"][0]["number"] for each in self.operations if each["repeated"]}
        multiplied = {each["operands"][_KERNELS[each["name"]]] for each in self.operations if each["name"] in _KERNELS}
        return {
            number: stored
            for number, stored in found.items()
            if number not in used and (number not in repeated or number in multiplied)
        }

    def _found(self) -> Iterator[tuple[int, tuple[np.ndarray, str, int]]]:
        for each in self.operations:
            number = each["results"][0]["number"] if each["results"] else -1
            if each["name"] in _UNPACKED:
                if (parts := self._unpacked(each)) is not None:
                    yield number, parts
            elif each["name"] == "constant" and each["array"] is not None:
                values, dtype = self._arrays[each["array"]], each["results"][0]["dtype"]
                if dtype in _FLOATS and values.ndim and values.size > 1:
                    yield number, (values, *_FLOATS[dtype])

    def _sources(self, each: dict[str, Any]) -> Iterator[int]:
        for operand in each["operands"]:
            yield operand
            maker = self._makers.get(operand)
            if maker is not None and maker["name"] == "build_sparse_with_bitmask":
                yield from maker["operands"]

    def _constant(self, number: int) -> np.ndarray | None:
        maker = self._makers.get(number)
        if maker is None or maker["name"] != "constant" or maker["array"] is None:
            return None
        values: np.ndarray = self._arrays[maker["array"]]
        return values

    def _unpacked(self, each: dict[str, Any]) -> tuple[np.ndarray, str, int] | None:
        name = each["name"]
        if name == "sparse_with_bitmask_to_dense":
            return self._unmasked(self._makers.get(each["operands"][0]))
        parts = [self._constant(operand) for operand in each["operands"]]
        if any(part is None for part in parts):
            return None
        bits = self._bits(each["operands"][0])
        if name == "lut_to_dense":
            return _looked_up(*parts[:2]), "palettized", bits  # type: ignore[arg-type]
        return _shifted(*parts), f"int{bits}", bits  # type: ignore[arg-type]

    def _bits(self, number: int) -> int:
        return int("".join(filter(str.isdigit, self._makers[number]["results"][0]["dtype"])) or 0)

    def _unmasked(self, maker: dict[str, Any] | None) -> tuple[np.ndarray, str, int] | None:
        if maker is None or maker["name"] != "build_sparse_with_bitmask":
            return None
        kept, mask = (self._constant(operand) for operand in maker["operands"])
        if kept is None or mask is None or np.count_nonzero(mask) != kept.size:
            return None
        values = np.zeros(mask.shape, kept.dtype)
        values[mask != 0] = kept.reshape(-1)
        return values, "sparse", kept.dtype.itemsize * 8

    def kernel_of(self, each: dict[str, Any]) -> int | None:
        """The number of the stored values that an operation multiplies its input by."""
        place = _KERNELS.get(each["name"])
        number = each["operands"][place] if place is not None and place < len(each["operands"]) else None
        while number is not None and number not in self.stored:
            maker = self._makers.get(number)
            number = maker["operands"][0] if maker is not None and maker["name"] in _PASSES else None
        return number

    def shape_of(self, number: int) -> list[int | None] | None:
        """The shape of a value; none of an input."""
        maker = self._makers.get(number)
        known = self.inputs[number : number + 1] if maker is None else maker["results"]
        shapes: list[list[int | None]] = [made["shape"] for made in known if maker is None or made["number"] == number]
        return shapes[0] if shapes else None

    def work(self) -> int | None:
        """Multiply-accumulates of all convolutions and products; ``None`` where a shape is open."""
        total = 0
        for each in self.operations:
            if each["name"] in _KERNELS:
                count = self._work_of(each)
                if count is None:
                    return None
                total += count
        return total

    def _work_of(self, each: dict[str, Any]) -> int | None:
        shapes = [self.shape_of(number) for number in each["operands"][:2]]
        out = each["results"][0]["shape"]
        if any(shape is None or None in shape for shape in (*shapes, out)):
            return None
        first, second = ([int(n or 0) for n in shape or ()] for shape in shapes)
        if each["name"] == "batch_matmul":
            return int(np.prod(out)) * first[-1]
        # Each output of a convolution meets one filter; each input of a transposed one does.
        return int(np.prod(first if "transpose" in each["name"] else out)) * int(np.prod(second[1:]))


def _looked_up(indices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A table for all axes, of single values; one for each block of an axis is spread to its places."""
    *blocks, entries, width = table.shape
    if width != 1 or len(blocks) != indices.ndim or entries <= int(indices.max(initial=0)):
        raise ModelError("a table of its program does not fit its indices")
    spread = table[..., 0]
    for axis, (own, length) in enumerate(zip(blocks, indices.shape, strict=True)):
        if not own or length % own:
            raise ModelError("a table of its program does not fit its indices")
        spread = np.repeat(spread, length // own, axis=axis) if own > 1 else spread
    full = np.broadcast_to(spread, (*indices.shape, entries))
    return np.ascontiguousarray(np.take_along_axis(full, indices[..., None].astype(np.int64), -1)[..., 0])


def _shifted(data: np.ndarray, scale: np.ndarray, zero: np.ndarray, offset: np.ndarray) -> np.ndarray:
    full = []
    for part in (scale, zero, offset):
        for axis, length in enumerate(data.shape):
            if part.ndim != data.ndim or not part.shape[axis] or length % part.shape[axis]:
                raise ModelError("a scale of its program does not fit its values")
            part = np.repeat(part, length // part.shape[axis], axis=axis)
        full.append(part.astype(np.float32))
    made: np.ndarray = (data.astype(np.float32) - full[1]) * full[0] + full[2]
    return made.astype(offset.dtype)


def of_process(process: Process, path: Path) -> Program:
    """The program of the folder *path*, read by *process*."""
    return Program(*process.ask({"do": "read", "path": str(path / asset.PROGRAM)}))


def _program(path: Path) -> Program:
    asset.read_metadata(path)
    with Process() as process:
        return of_process(process, path)


def read(path: Path) -> Contents:
    """Operations are those of the program, without constants and without what unpacks them."""
    program = _program(path)
    computed = [each for each in program.operations if each["name"] not in ("constant", "build_sparse_with_bitmask")]
    kernels = {program.kernel_of(each) for each in program.operations if each["name"] in _CONVOLUTIONS}
    weights = [_row(number, each, number in kernels) for number, each in program.stored.items()]
    types = Counter(each["results"][0]["dtype"] for each in computed)
    return summary(weights, Counter(each["name"] for each in computed), types, program.work())


def _row(number: int, stored: Stored, kernel: bool) -> Weight:
    """The row of stored values, which have no name in a program: their number takes its place."""
    name = f"{'kernel' if kernel else 'values'}{number}"
    return weight(name, stored.values, _word(stored), stored.bits, kernel)


def _word(stored: Stored) -> str:
    if stored.storage in ("palettized", "sparse"):
        return f"{stored.bits}-bit palettized" if stored.storage == "palettized" else "sparse"
    return stored.values.dtype.name if stored.storage.startswith("fp") else stored.storage


def kernels(path: Path) -> tuple[Kernel, ...]:
    """Every kernel, those of equal values once."""
    program, found = _program(path), {}
    for each in program.operations:
        number = program.kernel_of(each)
        if number is not None:
            stored = program.stored[number]
            values = np.ascontiguousarray(stored.values)
            exact = values if values.dtype == np.float16 else None
            kernel = Kernel(int(values.size), stored.storage, stored.bits, exact)
            found[(values.shape, values.tobytes())] = kernel
    return tuple(found.values())
