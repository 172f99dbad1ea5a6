"""Turns whatever a malformed model provokes inside libraries into one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..errors import EmulatorError


class DependsOnData(LookupError):  # noqa: N818 - no error: what comes after it is lowered later
    """Lowering needs the shape of a tensor, or the value of ``key``, that only a run can tell."""

    def __init__(self, what: str, key: Any = None) -> None:
        super().__init__(what)
        self.key = key


@contextlib.contextmanager
def guarded(what: str, problem: str = "is malformed") -> Iterator[None]:
    """Raise EmulatorError ``"WHAT is malformed: reason"`` for any error in the block that is not one already.

    coremltools, onnx, onnxruntime and NumPy raise every kind of exception for values that no valid model has.
    """
    try:
        yield
    except (EmulatorError, DependsOnData):
        raise
    except MemoryError:
        raise EmulatorError(f"{what} needs more memory than there is") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise EmulatorError(f"{what} {problem}: {reason}") from error
