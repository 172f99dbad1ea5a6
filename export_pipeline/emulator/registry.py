"""The tables of what the emulator can run, filled by decorators.

``@lower("conv")`` registers a function for an operation of an ML program, ``@layer("convolution")`` one for a layer
of the older neural-network format. Both take a call (the operation with its arguments, see ``calls.py``) and return
the resulting tensor, or a list of tensors where there are several outputs. ``@kind("glmRegressor")`` registers a kind
of model that is neither, see ``kinds/``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import UnsupportedOperationError

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Lowering:
    """How one kind of operation is lowered.

    ``exact`` says that the operation only moves or selects values, so that a result is representable in half
    precision whenever its inputs are, and needs no rounding. ``host`` says that it runs in NumPy.
    """

    function: Callable[..., Any]
    exact: bool = False
    host: bool = False


# What is refused, and why; SUPPORT.md lists it.
REFUSED_OPERATIONS = {
    "_const_symbolic": "exists while a model is converted, never in a file",
    "conv_quantized": "exists while a model is converted; a file has `conv` with compressed weights",
}
REFUSED_LAYERS = {
    "loopBreak": "leaving a loop from inside a branch is not lowered",
    "loopContinue": "leaving a round of a loop from inside a branch is not lowered",
}

_APPLE = "lives in Apple's system, not in the file"
REFUSED_KINDS = {
    "audioFeaturePrint": f"its network {_APPLE}",
    "bayesianProbitRegressor": "how it samples is not documented",
    "classConfidenceThresholding": "what it computes is not documented",
    "customModel": "its code is in an app, not in the file",
    "gazetteer": f"what reads its data {_APPLE}",
    "linkedModel": "the model that it stands for is in another file, which Core ML finds in an app",
    "serializedModel": f"what reads its data {_APPLE}",
    "soundAnalysisPreprocessing": f"its computation {_APPLE}",
    "textClassifier": f"what reads its data {_APPLE}",
    "visionFeaturePrint": f"its network {_APPLE}",
    "wordEmbedding": f"what reads its data {_APPLE}",
    "wordTagger": f"what reads its data {_APPLE}",
}

OPERATIONS: dict[str, Lowering] = {}
LAYERS: dict[str, Lowering] = {}
KINDS: dict[str, Lowering] = {}


def lower(*names: str, exact: bool = False, host: bool = False) -> Callable[[Function], Function]:
    """Register a function for the ML-program operations *names*."""
    return _register(OPERATIONS, names, exact, host)


def layer(*names: str, host: bool = False) -> Callable[[Function], Function]:
    """Register a function for the neural-network layers *names* (the names of the protobuf ``oneof``)."""
    return _register(LAYERS, names, False, host)


def kind(*names: str) -> Callable[[Function], Function]:
    """Register a function for the kinds of model *names* (the names of the protobuf ``oneof``)."""
    return _register(KINDS, names, False, True)


def _register(
    table: dict[str, Lowering], names: tuple[str, ...], exact: bool, host: bool
) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for name in names:
            if name in table:
                raise ValueError(f"{name!r} is registered twice")
            table[name] = Lowering(function, exact, host)
        return function

    return decorate


def operations() -> dict[str, Lowering]:
    """Every ML-program operation that can be lowered."""
    _import_all("ops")
    return OPERATIONS


def layers() -> dict[str, Lowering]:
    """Every neural-network layer that can be lowered."""
    _import_all("layers")
    return LAYERS


def kinds() -> dict[str, Lowering]:
    """Every kind of model, apart from networks, programs and pipelines, that can be run."""
    _import_all("kinds")
    return KINDS


def _import_all(package: str) -> None:
    module = importlib.import_module(f"{__package__}.{package}")
    for info in pkgutil.iter_modules(module.__path__):
        importlib.import_module(f"{module.__name__}.{info.name}")


def refuse_unknown(used: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise UnsupportedOperationError naming every one of *used* that is not in *known*."""
    # A name out of a damaged file may hold anything; show it on one line.
    missing = sorted(name if name.isidentifier() else ascii(name)[:60] for name in set(used) - set(known))
    if missing:
        raise UnsupportedOperationError(
            f"the emulator does not run the {what} {', '.join(missing)}; it knows {len(set(known))} others"
        )
