"""Importing what is needed of coremltools, without the dozen lines it prints where Core ML itself is not there."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..base.quiet import muted
from ..base.reading import only_reads

# What coremltools imports to convert from, each of which takes seconds; reading files needs none of it.
_FRAMEWORKS = ("tensorflow", "torch", "sklearn", "xgboost", "libsvm")
_PROTO = f"{__package__}._coremltools_proto"


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
    with quiet(), muted(2), _without(_FRAMEWORKS if only_reads() else ()):
        import coremltools as module
    return module


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Let those of *names* that are not loaded yet look as if they were not installed while the block runs."""
    hidden = [name for name in names if name not in sys.modules]
    try:
        for name in hidden:
            sys.modules[name] = None  # type: ignore[assignment]
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def model_proto() -> Any:
    """The module of the ``Model`` protobuf, without the rest of coremltools if that is not loaded anyway.

    Its classes are those of ``coremltools.proto``: protobuf makes one for each message of a file.
    """
    if "coremltools" in sys.modules:
        return coremltools().proto.Model_pb2
    if _PROTO not in sys.modules:
        found = importlib.util.find_spec("coremltools")
        if found is None or not found.submodule_search_locations:
            raise ModuleNotFoundError("No module named 'coremltools'", name="coremltools")
        package = ModuleType(_PROTO)
        package.__path__ = [str(Path(found.submodule_search_locations[0]) / "proto")]
        sys.modules[_PROTO] = package
    return importlib.import_module(f"{_PROTO}.Model_pb2")
