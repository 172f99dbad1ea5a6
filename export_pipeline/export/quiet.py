"""Keeping the converters' chatter away from the user, and turning their failures into ours."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator

from export_pipeline.errors import ExportError, PipelineError

_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


@contextlib.contextmanager
def converter(target: str) -> Iterator[None]:
    """Run a converter in silence; a failure becomes an :class:`ExportError` that gives its reason.

    Progress bars and notices come from Python and from C++, so both the streams and the file
    descriptors behind them are pointed at nothing meanwhile.
    """
    try:
        with _silence(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (PipelineError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OUTPUT:
            raise  # whoever writes the file says which path and what to do
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        raise ExportError(
            f"{target} could not be converted: {type(error).__name__}: {reason[:300]}. "
            "Leave the target out of [export] targets, or use a network of the table in models/."
        ) from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for number, descriptor in enumerate(saved, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nothing)
