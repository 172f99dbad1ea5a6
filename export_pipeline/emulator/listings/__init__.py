"""A Core ML model as text that a person can read: every operation in its order, and what each takes and gives.

It is read from the file as it lies, without lowering, so it also shows what the emulator refuses to run.
"""

from __future__ import annotations

from pathlib import Path

from ..guard import guarded
from ..program import Source, read
from .nouns import Body, Listing, Step, Value, joined

__all__ = ["Body", "Listing", "Step", "Value", "listing"]


def listing(path: str | Path) -> Listing:
    """List a model. Raises EmulatorError if the file cannot be read."""
    source = read(path)
    with guarded(source.label):
        return joined([_of(stage) for stage in source.stages])


def _of(source: Source) -> Listing:
    if not source.lowered:
        from .kind import kind_listing

        return kind_listing(source)
    from .network import network_listing
    from .program import program_listing

    return program_listing(source) if source.format == "mlProgram" else network_listing(source)
