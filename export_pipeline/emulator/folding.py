"""Keeps what coremltools works out while it reads a program within the memory limit.

Reading a program, coremltools computes the result of every operation whose arguments are constants, whatever its size:
``fill``, ``tile`` or a broadcast make gigabytes out of a few bytes of a file. No option of it bounds that.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from ..errors import EmulatorError
from .tensors import Options

_LOCK = threading.RLock()


@contextlib.contextmanager
def bounded_values(options: Options) -> Iterator[None]:
    """Raise EmulatorError where a tensor, or all computed constants together, pass ``options.memory_limit``."""
    from coremltools.converters.mil.mil import Operation

    original, held = Operation._auto_val, 0

    def bounded(operation: Any, output_types: Any) -> Any:
        nonlocal held
        shapes = [_shape(kind) for kind in output_types]
        for shape in shapes:
            options.room(shape)
        values = original(operation, output_types)
        if operation.op_type != "const":
            held += sum(getattr(getattr(v, "val", None), "nbytes", 0) for v in values)
        if held > options.memory_limit:
            raise EmulatorError(f"{options.label} has constants that come to more than {options.memory_limit} bytes")
        return values

    with _LOCK:
        Operation._auto_val = bounded
        try:
            yield
        finally:
            Operation._auto_val = original


def _shape(kind: Any) -> tuple[int, ...]:
    """The static shape of a type, empty for what is no tensor or has unknown sizes."""
    from coremltools.converters.mil.mil import types

    shape = kind.get_shape() if types.is_tensor(kind) else ()
    return tuple(int(size) for size in shape) if all(isinstance(size, int) for size in shape) else ()
