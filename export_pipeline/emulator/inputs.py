"""What a model is given, checked against what it declares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base.casting import misfit
from ..errors import EmulatorError
from ..records.signature import Port
from .guard import guarded
from .tensors import Options

_WORDS = {
    "float64": "a number",
    "int64": "a whole number of 64 bits",
    "string": "a text",
    "dictionary": "a dictionary of numbers, its keys all texts or all whole numbers",
    "sequence": "a list of texts, or one of whole numbers",
}
_LARGEST = 1 << 63


def check_names(data: Any, inputs: Sequence[Port], label: str) -> None:
    """Refuse inputs that are no dictionary, unknown ones, and a lack of those that must be given."""
    if not isinstance(data, Mapping):
        raise EmulatorError(f"inputs are given as a dictionary of names and values, not as {type(data).__name__}")
    names = [port.name for port in inputs]
    unknown = sorted(str(name) for name in set(data) - set(names))
    missing = [port.name for port in inputs if port.name not in data and not port.optional]
    if unknown or missing:
        problem = f"does not know input {unknown[0]!r}" if unknown else f"misses input {missing[0]!r}"
        raise EmulatorError(f"{label} {problem}; its inputs: {', '.join(names)}")


def checked(port: Port, given: Any, open_shape: bool = False, five_axes: bool = False) -> Any:
    """*given* as *port* declares it: an array, or a number, text, dictionary or list.

    With *open_shape* a tensor whose shape the file does not tell takes any. With *five_axes* one that is declared as
    ``[C]`` or ``[C, H, W]`` takes ``[sequence, batch, C, H, W]``, too, as networks of before iOS 12 do.
    """
    if port.kind == "value":
        return _value(port, given)
    dtype = np.dtype(port.array_dtype)
    try:
        array = np.asarray(given)
        single = given is None or (array.ndim == 0 and not port.accepts(()))
        wrong = type(given).__name__ if single else misfit(array, dtype)
        array = array if wrong or array.dtype == dtype else array.astype(dtype)
    except (TypeError, ValueError):
        wrong = type(given).__name__
    if wrong:
        allowed = f"an array of {dtype}, {port.allowed()}"
        raise EmulatorError(f"input {port.name!r} takes {allowed}; not {wrong}")
    untold = open_shape and not (port.shape or port.sizes or port.bounds)
    if not (port.accepts(array.shape) or untold or (five_axes and _in_five_axes(port, array.shape))):
        raise EmulatorError(f"input {port.name!r} has shape {array.shape}; allowed: {port.allowed()}")
    return array


def _in_five_axes(port: Port, shape: tuple[int, ...]) -> bool:
    """Whether *shape* is what *port* declares, with a sequence and a batch before it."""
    if len(shape) != 5 or 0 in shape:
        return False
    return port.accepts(shape[2:]) or (shape[3:] == (1, 1) and port.accepts(shape[2:3]))


def default(port: Port, options: Options) -> np.ndarray:
    """What fills an optional input that is left out. Raises EmulatorError if the file does not tell."""
    if port.default is None:
        raise EmulatorError(f"input {port.name!r} is optional, but the model has no default value for it: pass it")
    dtype = np.dtype(port.array_dtype)
    options.room(port.closed_shape, dtype.itemsize)
    with guarded(f"the default value of input {port.name!r}", f"is no {dtype}"):
        return np.full(port.closed_shape, port.default, dtype)


def _value(port: Port, given: Any) -> Any:
    readers = {
        "float64": _number, "int64": _whole, "string": _text, "dictionary": _dictionary, "sequence": _sequence
    }  # fmt: skip
    found = readers[port.dtype](given)
    if found is None:
        raise EmulatorError(f"input {port.name!r} takes {_WORDS[port.dtype]}, not {_held(_scalar(given))}")
    return found


def _held(value: Any) -> str:
    """What was given, in words."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"{value:.6g}" if isinstance(value, float) else type(value).__name__


def _scalar(given: Any) -> Any:
    """An array of one value as that value, anything else as it is."""
    if isinstance(given, (np.ndarray, np.generic)) and np.size(given) == 1:
        return np.asarray(given).reshape(-1)[0].item()
    return given


def _number(given: Any) -> float | None:
    value = _scalar(given)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _whole(given: Any) -> int | None:
    value = _scalar(given)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value != int(value) or not -_LARGEST <= value < _LARGEST:
        return None
    return int(value)


def _text(given: Any) -> str | None:
    value = _scalar(given)
    return str(value) if isinstance(value, str) else None


def _dictionary(given: Any) -> dict[Any, float] | None:
    if not isinstance(given, Mapping):
        return None
    keys, numbers = _sequence(list(given)), [_number(number) for number in given.values()]
    if keys is None or None in numbers:
        return None
    return {key: number for key, number in zip(keys, numbers, strict=True) if number is not None}


def _sequence(given: Any) -> list[Any] | None:
    if isinstance(given, np.ndarray) and given.ndim == 1:
        given = given.tolist()
    if not isinstance(given, (list, tuple)):
        return None
    for reader in (_text, _whole):
        found = [reader(item) for item in given]
        if None not in found:
            return found
    return None
