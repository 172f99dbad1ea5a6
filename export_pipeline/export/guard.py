"""Against converters that silently do nothing: what a finished file holds, and what it must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats.coreml.forms import Form, form_of, halves
from export_pipeline.formats.facts import Door, Facts
from export_pipeline.records.signature import ImageSignature
from export_pipeline.targets import Scheme


def check(target: str, facts: Facts, scheme: Scheme, signature: ImageSignature, kernels: Sequence[np.ndarray]) -> None:
    """Compare what *target*'s file holds with what was asked for.

    Args:
        facts: what was read back.
        scheme: what the target means.
        signature: names, shapes and range that the file must have.
        kernels: convolution kernels ``(height, width, in, out)`` of the network that was exported.

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
    held, sizes = [kernel.size for kernel in facts.kernels], [kernel.size for kernel in kernels]
    if Counter(held) != Counter(sizes):
        raise ExportError(
            f"{target}: the file has {len(held)} convolutions with {sum(held)} weights; "
            f"the network has {len(sizes)} with {sum(sizes)}."
        )
    if scheme.exact:
        _check_forms(target, facts, [(form_of(half, scheme), half) for half in map(halves, kernels)])
    elif wrong := [kernel for kernel in facts.kernels if kernel.storage != scheme.weights]:
        raise _not_as_asked(target, f"{len(wrong)} of {len(held)} convolutions hold no {scheme.weights} weights")


def _check_forms(target: str, facts: Facts, wanted: Sequence[tuple[Form, np.ndarray]]) -> None:
    """Every kernel of the network must be in the file, in its form, with its very values; their order is not known."""
    held = Counter((kernel.storage, kernel.bits) for kernel in facts.kernels)
    if held != Counter((form.storage, form.bits) for form, _ in wanted):
        raise _not_as_asked(target, f"kernels are stored as {_counted(held)}")
    left = Counter(_key(kernel.storage, kernel.bits, kernel.values) for kernel in facts.kernels)
    left.subtract(Counter(_key(form.storage, form.bits, values) for form, values in wanted))
    if wrong := sum(count for count in left.values() if count > 0):
        raise _not_as_asked(target, f"{wrong} of {len(wanted)} kernels have other values than the network's")


def _key(storage: str, bits: int, values: np.ndarray | None) -> tuple[str, int, tuple[int, ...], bytes]:
    if values is None or values.dtype != np.float16:
        return storage, bits, (), b""
    return storage, bits, values.shape, (values + np.float16(0)).tobytes()  # -0 and 0 are one value


def _counted(held: Counter[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {storage} of {bits} bits" for (storage, bits), count in sorted(held.items()))


def _not_as_asked(target: str, what: str) -> ExportError:
    return ExportError(
        f"{target}: {what}, though the converter reported success. "
        "Nothing was written; check the versions of the converters."
    )


def _listed(doors: tuple[Door, ...]) -> str:
    return ", ".join(str(door) for door in doors) or "none"
