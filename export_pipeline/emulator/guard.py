"""Turns whatever a malformed model provokes inside libraries into one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..errors import EmulatorError


@contextlib.contextmanager
def guarded(what: str, problem: str = "is malformed") -> Iterator[None]:
    """Raise EmulatorError ``"WHAT is malformed: reason"`` for any error in the block that is not one already.

    coremltools, onnx, onnxruntime and NumPy raise every kind of exception for values that no valid model has.
    """
    try:
        yield
    except (EmulatorError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise EmulatorError(f"{what} {problem}: {reason}") from error
