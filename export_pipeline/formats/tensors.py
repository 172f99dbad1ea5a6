"""From tensors to rows of a record: shared by the readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from export_pipeline.records.contents import Contents, Weight


def weight(name: str, values: np.ndarray, stored: str, bits: int, convolution: bool) -> Weight:
    """The row of one tensor; *values* are those that the file computes with."""
    return Weight(
        name=name,
        shape=tuple(int(n) for n in values.shape),
        stored=stored,
        bits=bits,
        parameters=int(values.size),
        nonzero_share=share(int(np.count_nonzero(values)), int(values.size)),
        convolution=convolution,
    )


def summary(
    weights: Iterable[Weight],
    operations: Mapping[str, int],
    precisions: Mapping[str, int],
    multiply_accumulates: int | None,
) -> Contents:
    """Totals over *weights*, beside the counts."""
    listed = tuple(weights)
    kernels = [row for row in listed if row.convolution]
    nonzero = sum(round(row.nonzero_share * row.parameters) for row in kernels)
    return Contents(
        parameters=sum(row.parameters for row in listed),
        nonzero_share=share(nonzero, sum(row.parameters for row in kernels)) if kernels else None,
        multiply_accumulates=multiply_accumulates,
        operations=dict(sorted(operations.items())),
        precisions=dict(sorted(precisions.items())),
        weights=listed,
    )


def share(count: float, total: float) -> float:
    """*count* of *total*, to eight digits: enough to get the count back, and free of last-bit noise."""
    return round(float(count) / float(total), 8) if total else 0.0
