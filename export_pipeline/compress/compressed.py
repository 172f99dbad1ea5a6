"""The value that goes from step to step of the compress stage, and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tf_keras as keras

from export_pipeline.compress.bit_plan import BitPlan
from export_pipeline.formats.format import Rounded
from export_pipeline.recipe import Recipe
from export_pipeline.records.compression import CompressedLayer, Compression, Round


@dataclass(frozen=True)
class Compressed:
    """A network, and what the steps so far have done to it. No step changes the network of the step before.

    Attributes:
        model: the float network: what the checkpoint holds and what files are compared with.
        recipe: its ``[model]`` builds *model*, which may be narrower than what was trained.
        rounds: of structured pruning.
        steps: optimizer steps of fine-tuning, all together.
        plan: bits of each clustered kernel; ``None`` where none is.
        layers: what has become of each convolution.
        ranges: of what each layer gives, where they were trained: ``(low, high)`` by layer name.
        deployed: *model* with what need not run on a device folded away: what is exported; from the last step.
        rounded: *deployed* as its full-integer file is to compute, where ranges were trained; from the last step.
    """

    model: keras.Model
    recipe: Recipe
    rounds: tuple[Round, ...] = ()
    steps: int = 0
    plan: BitPlan | None = None
    layers: tuple[CompressedLayer, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    deployed: Any = None
    rounded: Rounded | None = None

    @property
    def record(self) -> Compression:
        """For the report."""
        return Compression(layers=self.layers, rounds=self.rounds, ranges=dict(self.ranges))
