"""Against converters that silently do nothing: what a finished file holds, and what it must hold."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from export_pipeline.errors import ExportError
from export_pipeline.export.schemes import Scheme
from export_pipeline.signature import ImageSignature


@dataclass(frozen=True)
class Door:
    """An input or output as the file has it. ``low`` and ``high`` are what its least and greatest value mean."""

    name: str
    shape: tuple[int, ...]
    interface: str
    low: float = 0.0
    high: float = 255.0


@dataclass(frozen=True)
class Facts:
    """What was read back from a file. ``kernels`` has (number of values, storage) of every convolution."""

    inputs: tuple[Door, ...]
    outputs: tuple[Door, ...]
    kernels: tuple[tuple[int, str], ...]
    signature: ImageSignature | None


def check(target: str, facts: Facts, scheme: Scheme, signature: ImageSignature, kernels: list[tuple[int, ...]]) -> None:
    """Compare what *target*'s file holds with what was asked for.

    Args:
        facts: what was read back.
        scheme: what the target means.
        signature: names, shapes and range that the file must have.
        kernels: shapes of the convolution kernels of the network that was exported.

    Raises:
        ExportError: a difference, named.
    """
    if facts.signature != signature:
        raise ExportError(f"{target}: the file's metadata hold {facts.signature}, not the signature {signature}.")
    shape = signature.shape("NCHW" if scheme.interface == "image" else "NHWC")
    for kind, doors, name in (
        ("input", facts.inputs, signature.input_name),
        ("output", facts.outputs, signature.output_name),
    ):
        wanted = Door(name, shape, scheme.interface, signature.low, signature.high)
        if doors != (wanted,):
            raise ExportError(f"{target}: the file's {kind} is {_listed(doors)}; it must be {wanted}.")
    _check_kernels(target, facts, scheme, kernels)


def _check_kernels(target: str, facts: Facts, scheme: Scheme, kernels: list[tuple[int, ...]]) -> None:
    wrong = [values for values, storage in facts.kernels if storage != scheme.weights]
    if wrong:
        raise ExportError(
            f"{target}: {len(wrong)} of {len(facts.kernels)} convolutions hold no {scheme.weights} weights, though the "
            "converter reported success. Nothing was written; check the versions of the converters."
        )
    held, wanted = [values for values, _ in facts.kernels], [math.prod(shape) for shape in kernels]
    if Counter(held) != Counter(wanted):
        raise ExportError(
            f"{target}: the file has {len(held)} convolutions with {sum(held)} weights; "
            f"the network has {len(wanted)} with {sum(wanted)}."
        )


def _listed(doors: tuple[Door, ...]) -> str:
    return ", ".join(str(door) for door in doors) or "none"
