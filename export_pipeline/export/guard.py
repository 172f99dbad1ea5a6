"""Against converters that silently do nothing: what a finished file holds, and what it must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats import Interface, Kernel
from export_pipeline.records.signature import Port, Signature
from export_pipeline.targets import Target

# What calibration decides of a tensor with whole numbers.
_CALIBRATED = ("scale", "zero_point", "low", "high")


def check_interface(target: Target, interface: Interface, wanted: Signature) -> Signature:
    """Compare what a file says that it takes and gives with what it does, and both with what was asked for.

    Args:
        interface: what was read back.
        wanted: the ports that the file must have; the range of a calibrated tensor is the file's.

    Returns:
        The file's signature.

    Raises:
        ExportError: a difference, named.
    """
    written = Signature.from_metadata(interface.metadata)
    if written is None:
        raise ExportError(f"{target.name}: the file's metadata hold no signature.")
    for side in ("inputs", "outputs"):
        asked, told, found = (getattr(source, side) for source in (wanted, written, interface))
        if told != _filled(asked, told):
            raise ExportError(
                f"{target.name}: the file's metadata hold the {side} {_listed(told)}, not {_listed(asked)}."
            )
        if found != told:
            raise ExportError(f"{target.name}: the file's {side} are {_listed(found)}; they must be {_listed(told)}.")
    return written


def check_kernels(target: Target, found: Sequence[Kernel], wanted: Sequence[Kernel]) -> None:
    """Compare every kernel in a file with what was asked for; their order is not known.

    Raises:
        ExportError: a difference, named.
    """
    held, sizes = [kernel.size for kernel in found], [kernel.size for kernel in wanted]
    if Counter(held) != Counter(sizes):
        raise ExportError(
            f"{target.name}: the file has {len(held)} kernels with {sum(held)} weights; "
            f"the network has {len(sizes)} with {sum(sizes)}."
        )
    stored, asked = (Counter((kernel.storage, kernel.bits) for kernel in side) for side in (found, wanted))
    if stored != asked:
        raise _not_as_asked(target, f"kernels are stored as {_counted(stored)} and must be {_counted(asked)}")
    if all(kernel.values is None for kernel in wanted):
        return
    left = Counter(_key(kernel.storage, kernel.bits, kernel.values) for kernel in found)
    left.subtract(Counter(_key(kernel.storage, kernel.bits, kernel.values) for kernel in wanted))
    if wrong := sum(count for count in left.values() if count > 0):
        raise _not_as_asked(target, f"{wrong} of {len(wanted)} kernels have other values than the network's")


def _filled(asked: Sequence[Port], told: Sequence[Port]) -> tuple[Port, ...]:
    """The ports *asked* for, with what the file tells of those that calibration decides."""
    if len(asked) != len(told):
        return tuple(asked)
    return tuple(
        port.model_copy(update={name: getattr(own, name) for name in _CALIBRATED}) if _is_calibrated(port) else port
        for port, own in zip(asked, told, strict=True)
    )


def _is_calibrated(port: Port) -> bool:
    return port.color is None and port.dtype in ("uint8", "int8")


def _key(storage: str, bits: int, values: np.ndarray | None) -> tuple[str, int, tuple[int, ...], bytes]:
    if values is None or values.dtype != np.float16:
        return storage, bits, (), b""
    # A kernel along time has an axis of one pixel, or none; -0 and 0 are one value.
    shape = tuple(length for length in values.shape if length > 1)
    return storage, bits, shape, (values + np.float16(0)).tobytes()


def _counted(held: Counter[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {storage} of {bits} bits" for (storage, bits), count in sorted(held.items()))


def _not_as_asked(target: Target, what: str) -> ExportError:
    return ExportError(
        f"{target.name}: {what}, though the converter reported success. "
        "Nothing was written; check the versions of the converters."
    )


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(repr(port.model_dump(exclude_defaults=True)) for port in ports) or "none"
