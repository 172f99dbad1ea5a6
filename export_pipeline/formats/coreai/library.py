"""Apple's library for Core AI: where it is, and why it is not.

It is imported in a process of its own only, see ``process.py``: it is a beta that ends its process on what it does not
like, and brings a compiler and a runtime of Swift along.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys

DISTRIBUTION = "coreai-core"
LEAST_PYTHON = (3, 11)
LEAST_GLIBC = (2, 34)
# What the wheels of 1.0.0b3 are for.
_MACHINES = {("Linux", "x86_64"), ("Darwin", "arm64")}


def missing() -> str:
    """Why nothing of Core AI can be written, read or run here; empty where it can."""
    if importlib.util.find_spec("coreai") is not None:
        return ""
    return f"{DISTRIBUTION} is not installed: {_cure()}"


def _cure() -> str:
    if sys.version_info < LEAST_PYTHON:
        return f"it has no wheel for Python {platform.python_version()}; 3.11 or later has one"
    system = platform.system(), platform.machine()
    if system not in _MACHINES:
        return f"it has no wheel for {system[0]} on {system[1]}; Linux on x86_64 and macOS on arm64 have one"
    library, version = platform.libc_ver()
    if library == "glibc" and tuple(map(int, version.split(".")[:2])) < LEAST_GLIBC:
        return f"it has no wheel for glibc {version}; 2.34 or later has one"
    return "pip install 'export-pipeline[coreai]'"


def version() -> str:
    """Of the library that is installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
