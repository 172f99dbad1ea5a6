"""What every format's runtime tells of a run with half-precision accumulators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lost:
    """An operation where a sum or a result left half precision; ``largest`` is what float32 has there."""

    operation: str
    name: str
    largest: float


@dataclass(frozen=True, eq=False)
class Stressed:
    """A run in half precision.

    Attributes:
        operations: how many of the file ran in half precision.
        lost: those that left it, in the order of the file.
        outputs: as ``Runtime.infer`` gives them; ``None`` where operations were judged one by one.
    """

    operations: int
    lost: Sequence[Lost]
    outputs: Mapping[str, np.ndarray] | None
