"""Clustering: each kernel is left with at most 2^bits values, its table, and the zeros that it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import tf_keras as keras

from export_pipeline.compress.bit_plan import BitPlan
from export_pipeline.compress.compressed import Compressed
from export_pipeline.compress.importance import estimate_importance
from export_pipeline.compress.kernels import clustered_kernels, set_kernels
from export_pipeline.compress.layers import convolutions, copy_of
from export_pipeline.compress.plan import plan_bits
from export_pipeline.compress.tools import Tools
from export_pipeline.compress.trained_tables import with_tables, without_tables
from export_pipeline.errors import CheckFailed
from export_pipeline.records.compression import CompressedLayer


def run(now: Compressed, tools: Tools) -> Compressed:
    """The step: bits are planned, kernels clustered, tables trained; and what has become of each kernel is noted.

    Raises:
        RecipeError: the plan leaves out a layer, or the bytes are too few.
        CheckFailed: a layer has more values than its table, or fewer zeros than before.
    """
    table = now.recipe.compress
    if not table.clusters:
        return replace(now, layers=records(now.model, now.model, {}))
    importance = estimate_importance(now.model, now.recipe, tools)
    return clustered(now, plan_bits(now.model, now.recipe, importance, tools), importance, tools)


def clustered(now: Compressed, plan: BitPlan, importance: Mapping[str, np.ndarray], tools: Tools) -> Compressed:
    """*now* with its kernels clustered by *plan*, where an error of a weight counts as *importance* says."""
    table = now.recipe.compress.cluster
    tools.say(f"compress: {len(plan.bits)} kernels clustered")
    model = copy_of(now.model)
    set_kernels(model, clustered_kernels(now.model, plan.bits, importance))
    if table.steps:
        tabled = with_tables(model, plan.bits)
        tools.fine_tune(tabled, now.recipe, "cluster", table.steps, table.learning_rate, bits=plan.bits)
        model = without_tables(tabled, model)
    layers = records(model, now.model, plan.bits)
    return replace(now, model=model, plan=plan, layers=layers, steps=now.steps + table.steps)


def records(model: keras.Model, before: keras.Model, bits: Mapping[str, int]) -> tuple[CompressedLayer, ...]:
    """What has become of the kernels of *before* in *model*.

    Raises:
        CheckFailed: as of :func:`run`.
    """
    found, old = convolutions(model), convolutions(before)
    noted = tuple(
        _record(name, layer.kernel.numpy(), old[name].kernel.numpy(), bits.get(name)) for name, layer in found.items()
    )
    for record in noted:
        if record.bits is not None and record.values > 2**record.bits:
            raise CheckFailed(f"clustering did not take effect: {record.name} has {record.values} values")
        if record.sparsity < (old[record.name].kernel.numpy() == 0).mean():
            raise CheckFailed(f"clustering lost zeros of {record.name}: {record.sparsity:.3f} are left")
    return noted


def _record(name: str, kernel: np.ndarray, before: np.ndarray, bits: int | None) -> CompressedLayer:
    length = float(np.linalg.norm(before))
    moved = float(np.linalg.norm(kernel - before)) / length if length else 0.0
    return CompressedLayer(
        name=name,
        shape=kernel.shape,
        sparsity=float((kernel == 0).mean()),
        bits=bits,
        values=len(np.unique(kernel)),
        relative_error=None if bits is None else float(f"{moved:.6g}"),
    )
