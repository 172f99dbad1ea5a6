"""Importing coremltools without the dozen lines it prints where Core ML itself is not there."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Python warnings and coremltools' log below errors from the user while the block runs."""
    logger = logging.getLogger("coremltools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _native_stderr_closed() -> Iterator[None]:
    # coremltools imports tensorflow if it is installed, whose C++ side writes to the file descriptor itself.
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@functools.cache
def coremltools() -> Any:
    """The coremltools module, imported quietly on first use."""
    if "coremltools" in sys.modules:
        return sys.modules["coremltools"]
    with quiet(), _native_stderr_closed():
        import coremltools as module
    return module
