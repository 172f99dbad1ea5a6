"""Models that are neither networks nor programs: linear models, trees, vectors of features and what goes with them.

A kind is one function ``kind(model) -> run`` in a module of this package, under ``@kind(name of the protobuf field)``.
It checks the parameters once and gives a function from input values by name to output values by name. All of them
compute in NumPy with float64, as the format stores its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import UnsupportedOperationError
from ..guard import guarded
from ..program import Source
from ..registry import REFUSED_KINDS, kinds
from ..tensors import Options
from .call import Kind

Run = Callable[[Mapping[str, Any]], dict[str, Any]]


def prepared(source: Source, options: Options) -> Run:
    """A function that runs the model. Raises EmulatorError for parameters that no valid model has."""
    refuse(source)
    with guarded(source.label):
        run: Run = kinds()[source.kind].function(Kind(source, options))
    return run


def refuse(source: Source) -> None:
    """Raise UnsupportedOperationError for a kind of model that is not run here, with the reason."""
    if source.kind in kinds():
        return
    reason = REFUSED_KINDS.get(source.kind, "this kind is not known")
    raise UnsupportedOperationError(f"{source.label} is a Core ML model of type {source.kind!r}: {reason}")
