"""Runs Core ML models where Core ML is not: lowers them to ONNX and executes that with ONNX Runtime.

See README.md beside this file. Importing this package is light; coremltools loads with the first model.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..records.signature import Port
    from .inspection import WeightInfo, describe, weights
    from .listings import Listing, listing
    from .patch import install
    from .session import CoreMLModel
    from .stress import Overflow, StressReport

__all__ = [
    "CoreMLModel",
    "Listing",
    "Overflow",
    "Port",
    "StressReport",
    "WeightInfo",
    "describe",
    "install",
    "listing",
    "weights",
]

_HOMES = {
    "CoreMLModel": "session",
    "Listing": "listings",
    "Overflow": "stress",
    "Port": "features",
    "StressReport": "stress",
    "WeightInfo": "inspection",
    "describe": "inspection",
    "install": "patch",
    "listing": "listings",
    "weights": "inspection",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
