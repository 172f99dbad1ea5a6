"""Quantization-aware training: fine-tuning of a network that rounds and clips as its full-integer file will.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018, with
the wrappers of TensorFlow Model Optimization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import tf_keras as keras

from export_pipeline.compress.cluster import records
from export_pipeline.compress.compressed import Compressed
from export_pipeline.compress.fold import folded_scales
from export_pipeline.compress.kernels import representable, set_kernels
from export_pipeline.compress.layers import convolutions, copy_of, one_by_one
from export_pipeline.compress.places import places
from export_pipeline.compress.tools import Tools
from export_pipeline.errors import CheckFailed
from export_pipeline.records.compression import CompressedLayer

SAMPLES = 8


def run(now: Compressed, tools: Tools) -> Compressed:
    """The step: a copy of the network is fine-tuned while it rounds; its weights and its ranges are kept.

    Ranges begin with what :data:`SAMPLES` training samples reach and follow what training reaches.

    Raises:
        RecipeError: a layer has no rule for rounding it.
        CheckFailed: a kernel has fewer zeros or more values than before, or a range is not finite.
    """
    table = now.recipe.compress
    if not table.quantize_aware:
        return now
    from export_pipeline.compress import fake_quant

    bits = now.plan.bits if now.plan else {}
    alone = copy_of(now.model)  # pruning has put its layers into another network, too
    wanted = places(alone)
    trained = fake_quant.fake_quantized(alone, wanted, bits)
    moving = fake_quant.moving(trained)
    for name, limits in fake_quant.observed(alone, moving, one_by_one(tools.inputs(SAMPLES))).items():
        for side, limit in zip(("low", "high"), limits, strict=True):
            moving[name][side].assign(limit)
    tools.fine_tune(trained, now.recipe, "quantize", table.quantize.steps, table.quantize.learning_rate)
    model = fake_quant.plain(trained, now.model, copy_of)
    _round_tables(model, bits)
    found = {name: (float(sides["low"]), float(sides["high"])) for name, sides in moving.items()}
    ranges = {name: place.range or found[name] for name, place in wanted.items() if place.rounds}
    _require_finite(ranges)
    layers = _layers(model, now, bits)
    return replace(now, model=model, ranges=ranges, layers=layers, steps=now.steps + table.quantize.steps)


def require_rules(model: keras.Model) -> None:
    """Refuse a network with a layer that there is no rule for, before it is trained.

    Raises:
        RecipeError: it names the layer.
    """
    places(model)


def _round_tables(model: keras.Model, bits: Mapping[str, int]) -> None:
    """Make the values of clustered kernels ones that files hold exactly, as clustering does."""
    layers, scales = convolutions(model), folded_scales(model)
    set_kernels(model, {name: representable(layers[name].kernel.numpy(), scales.get(name, 1.0)) for name in bits})


def _require_finite(ranges: Mapping[str, tuple[float, float]]) -> None:
    wrong = [name for name, (low, high) in ranges.items() if not (np.isfinite([low, high]).all() and low < high)]
    if wrong:
        raise CheckFailed(
            f"quantization-aware training left no range for {', '.join(wrong)}: it gives zeros alone, or values that "
            "are not finite. Try a lower learning_rate, or leave quantize_aware out."
        )


def _layers(model: keras.Model, before: Compressed, bits: Mapping[str, int]) -> tuple[CompressedLayer, ...]:
    """What has become of each convolution; how far clustering moved its weights stays as it was noted."""
    moved = {layer.name: layer.relative_error for layer in before.layers}
    return tuple(
        layer.model_copy(update={"relative_error": moved.get(layer.name)})
        for layer in records(model, before.model, bits)
    )
