"""Keeping libraries' chatter off the terminal: what they have to tell the user comes as an exception."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def muted(*descriptors: int) -> Iterator[None]:
    """Send what Python and C++ code write to *descriptors*, 1 or 2 or both, nowhere while the block runs.

    Python's streams are replaced too: in a notebook, say, they do not lead to these descriptors.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in descriptors]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in descriptors:
            os.dup2(nowhere, descriptor)
        with ExitStack() as streams:
            for descriptor in descriptors:
                streams.enter_context({1: redirect_stdout, 2: redirect_stderr}[descriptor](io.StringIO()))
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip(descriptors, saved, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)
