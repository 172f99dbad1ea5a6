"""Importing coremltools without the dozen lines it prints where Core ML itself is not there."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from ..base.quiet import muted


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


@functools.cache
def coremltools() -> Any:
    """The coremltools module, imported quietly on first use."""
    if "coremltools" in sys.modules:
        return sys.modules["coremltools"]
    # It imports tensorflow if that is installed, whose C++ side writes to the file descriptor itself.
    with quiet(), muted(2):
        import coremltools as module
    return module
