"""``[compress]`` of a recipe: what is taken out of a network, and how few bits hold what is left."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.recipe.table import LimitsTable, Table

MOST_BITS = 8
_SPARSITY: dict[str, Any] = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
# Keys of the pruning schedule, which do nothing without one.
PRUNING = (
    "initial_sparsity",
    "final_sparsity",
    "begin_step",
    "end_step",
    "frequency",
    "steps",
    "learning_rate",
    "layers",
)
# Keys of structured pruning that do nothing without a round of it.
OF_EACH_ROUND = ("steps", "learning_rate")


def _unsaid(table: Table, *switches: str) -> bool:
    """Whether nobody wrote one of *switches* of *table*. Who turns one off may keep what it would turn on."""
    return not table.model_fields_set & set(switches)


def _require_effect(idle: set[str], needed: str) -> None:
    """Refuse the keys *idle*, if there are any: they do nothing without what is *needed*."""
    if idle:
        raise ValueError(f"{', '.join(sorted(idle))} has no effect without {needed}")


class StructuredTable(LimitsTable):
    """``[compress.structured]``: residual blocks, then filters, taken out in rounds with fine-tuning after each.

    A round that ends beyond the limit of a metric, such as ``style_distance``, is undone, and is the last.
    """

    blocks: int = Field(
        0, ge=0, le=16, description="number of residual blocks to take out, one a round, the least missed first"
    )
    rounds: int = Field(0, ge=0, le=64, description="most rounds that take out filters")
    filters: float = Field(0.1, gt=0, lt=1, description="share of the filters then left that a round takes out")
    criterion: Literal["l1", "norm_scale"] = Field(
        "l1", description="importance of a filter: L1 norm of its weights, or scale of its normalization"
    )
    steps: int = Field(100, ge=0, description="optimizer steps of fine-tuning after each round")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of that fine-tuning")

    @model_validator(mode="after")
    def _has_an_effect(self) -> Self:
        said = self.model_fields_set
        if not self.rounds and _unsaid(self, "rounds"):
            _require_effect(said & {"filters", "criterion"}, "rounds; give it")
        if not (self.blocks or self.rounds) and _unsaid(self, "blocks", "rounds"):
            _require_effect(said & {*OF_EACH_ROUND, *self.limits}, "blocks or rounds; give one of them")
        return self


class ClusterTable(Table):
    """``[compress.cluster]``: how the values of ``compress.bits`` or of the plan are found."""

    sensitivity: Literal["none", "fisher", "activation"] = Field(
        "none",
        description="weight of the squared error of a value: 1, its Fisher information, or its input's power",
    )
    steps: int = Field(0, ge=0, description="optimizer steps of trained quantization, which moves the centroids")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="learning rate of trained quantization")


class QuantizeTable(Table):
    """``[compress.quantize]``: the fine-tuning of ``compress.quantize_aware``."""

    steps: int = Field(200, ge=1, description="optimizer steps while layers round as the full-integer file will")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="learning rate of that fine-tuning")


class CompressTable(Table):
    """``[compress]``: the pruning schedule, and the bits. Steps count from the start of the fine-tuning that prunes."""

    schedule: Literal["none", "polynomial_decay", "constant"] = Field(
        "none", description="how the share of pruned weights grows: none are pruned, polynomially, or all at once"
    )
    initial_sparsity: float = Field(0.0, ge=0, lt=1, description="share of each kernel's weights pruned at begin_step")
    final_sparsity: float = Field(0.5, ge=0, lt=1, description="share of each kernel's weights pruned from end_step on")
    begin_step: int = Field(0, ge=0, description="step at which pruning begins")
    end_step: int = Field(100, ge=1, description="step at which final_sparsity is reached")
    frequency: int = Field(10, ge=1, description="steps from one choice of the pruned weights to the next")
    steps: int = Field(0, ge=0, description="optimizer steps of fine-tuning while pruning")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of that fine-tuning")
    layers: dict[str, Annotated[float, WithJsonSchema(_SPARSITY)]] = Field(
        default_factory=dict, description="final sparsity of single layers, by name or pattern"
    )
    skip: tuple[str, ...] = Field(
        (), strict=False, description="layers, by name or pattern, that are neither pruned nor clustered"
    )
    bits: int | None = Field(
        None, ge=1, le=MOST_BITS, description="cluster the weights of each kernel into 2^bits values"
    )
    plan: str | None = Field(None, description="instead of bits: a file with the bits of each layer")
    weight_bytes: int | None = Field(
        None, gt=0, description="instead of bits: choose the bits of each layer so that the kernels fit this many bytes"
    )
    quantize_aware: bool = Field(
        False,
        description="fine-tune while kernels and activations are rounded to 8 bits, after pruning and clustering, "
        "whose zeros and tables stay; full-integer files take the trained ranges, and nothing is calibrated",
    )
    structured: StructuredTable = Field(StructuredTable(), description="structured pruning: whole blocks and filters")
    cluster: ClusterTable = Field(ClusterTable(), description="how the values of clustered weights are found")
    quantize: QuantizeTable = Field(QuantizeTable(), description="quantization-aware training")

    @field_validator("layers")
    @classmethod
    def _shares(cls, layers: dict[str, float]) -> dict[str, float]:
        for name, share in layers.items():
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}; a sparsity is 0 or more and below 1")
        return layers

    @model_validator(mode="after")
    def _has_an_effect(self) -> Self:
        if not self.prunes and _unsaid(self, "schedule"):
            _require_effect(self.model_fields_set & set(PRUNING), "schedule; give polynomial_decay, constant or none")
        kinds = ("bits", "plan", "weight_bytes")
        named = [key for key in kinds if getattr(self, key) is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} say the same thing twice; give one of them")
        if "cluster" in self.model_fields_set and not named and _unsaid(self, *kinds):
            raise ValueError("cluster has no effect without bits, plan or weight_bytes; give one of them")
        if "quantize" in self.model_fields_set and not self.quantize_aware and _unsaid(self, "quantize_aware"):
            raise ValueError("quantize has no effect without quantize_aware; give it")
        cluster = self.cluster
        if not cluster.steps and _unsaid(cluster, "steps"):
            _require_effect(cluster.model_fields_set & {"learning_rate"}, "steps in cluster; give at least 1")
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.prunes:
            return self
        if self.schedule == "constant" and self.initial_sparsity:
            raise ValueError("initial_sparsity has no effect with a constant schedule; leave it out")
        if self.end_step <= self.begin_step:
            raise ValueError(f"end_step {self.end_step} must be above begin_step {self.begin_step}")
        if self.steps < self.end_step:
            raise ValueError(
                f"steps {self.steps} must be at least end_step {self.end_step}, or the schedule never ends"
            )
        if self.schedule == "polynomial_decay" and self.initial_sparsity > self.final_sparsity:
            raise ValueError(f"initial_sparsity {self.initial_sparsity} is above final_sparsity {self.final_sparsity}")
        return self

    @property
    def learns(self) -> tuple[str, ...]:
        """The keys, as they stand in a recipe, that need what a training minimizes."""
        structured = self.structured
        needing = {
            "compress.schedule": self.prunes,
            "compress.quantize_aware": self.quantize_aware,
            "compress.structured": structured.blocks or structured.rounds,
            "compress.cluster.steps": self.cluster.steps,
            "compress.cluster.sensitivity = 'fisher'": self.cluster.sensitivity == "fisher",
        }
        return tuple(key for key, needs in needing.items() if needs)

    @property
    def clusters(self) -> bool:
        """Whether kernels are clustered."""
        return not (self.bits is None and self.plan is None and self.weight_bytes is None)

    @property
    def prunes(self) -> bool:
        """Whether single weights are pruned."""
        return self.schedule != "none"
