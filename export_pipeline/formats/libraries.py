"""The libraries that read, run and write model files, and which of their versions are installed."""

from __future__ import annotations

import importlib.metadata

from export_pipeline.formats import PACKAGES, format_of


def libraries() -> tuple[str, ...]:
    """Names of the distributions that any format works with, each once."""
    kinds = [format_of(f"any{suffixes[0]}") for suffixes in PACKAGES.values()]
    return tuple(sorted({name for kind in kinds for name in kind.libraries}))


def versions(*more: str) -> dict[str, str]:
    """Version of each of :func:`libraries` and of *more*; ``not installed`` where it is missing."""
    return {name: _version(name) for name in dict.fromkeys((*libraries(), *more))}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
