"""The nouns of a sweep. All frozen, all with a JSON round trip.

``sweep.json`` is a :class:`SweepRecord`: the same whenever the same command runs on the same machine.
``benchmark.json`` is a :class:`SweepBenchmark`: what that machine measured, and the picks that rest on it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from export_pipeline.recipe import recipe_class
from export_pipeline.records.metric import Measured, Metric
from export_pipeline.report import BudgetResult, LatencyResult, Machine, MemoryResult, Size

Value = int | float | str | None
Status = Literal["passed", "failed", "refused", "lost", "broken"]


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class FloatNetwork(Measured):
    """The network as trained, before anything was taken out of it, and the task's metrics of it."""

    checkpoint_sha256: str
    parameters: int


class FileResult(Measured):
    """One exported file of a point.

    ``psnr`` (dB, the worst sample's) and ``ssim`` compare it with the float network as trained:
    all that compression and export took. ``export_psnr`` compares it with the compressed network, which is what
    the parity check is about: what the export alone took. The task's metrics are further keys.
    """

    target: str
    file: str = Field(description="by path inside the folder of the point")
    sha256: dict[str, str]
    size: Size
    nonzero_share: float | None
    psnr: float | None
    ssim: float | None
    export_psnr: float | None
    status: Literal["passed", "failed"]
    reasons: tuple[str, ...] = Field((), description="checks that failed or were skipped, by how much or why")


class PointResult(_Noun):
    """What one recipe came to: ``passed`` or ``failed`` a check.

    Without files, it was ``refused`` for what it says, ``lost`` with a machine, or ``broken`` by something unexpected.
    """

    status: Status
    reason: str = ""
    height: int
    width: int
    float_network: FloatNetwork | None = None
    files: tuple[FileResult, ...] = ()


class SweptPoint(_Noun):
    """One point of the grid and its result; ``folder`` holds its files, by path inside the sweep's folder."""

    label: str
    overrides: dict[str, Value]
    folder: str
    result: PointResult


class SweepRecord(_Noun):
    """``sweep.json``."""

    format: Literal[1] = 1
    name: str
    recipe: dict[str, Any] = Field(description="as written, before any value of the grid was set")
    settings: dict[str, tuple[Value, ...]]
    libraries: dict[str, str] = Field(description="versions of what made and read the files")
    points: tuple[SweptPoint, ...]


class Pick(_Noun):
    """One file of the sweep, chosen by a rule; none fitted where ``point`` is None, and the reason says why."""

    name: Literal["smallest", "fastest", "balanced"]
    rule: str
    point: str | None
    target: str | None
    reason: str


class SweepBenchmark(_Noun):
    """``benchmark.json``. Files go by ``<folder of the point>/<file>``; float networks by ``<folder>/float.keras``."""

    format: Literal[1] = 1
    name: str
    machine: Machine
    latency: tuple[LatencyResult, ...]
    memory: tuple[MemoryResult, ...]
    skipped: dict[str, str] = Field(default_factory=dict, description="files not measured, and why")
    yardsticks: dict[str, str] = Field(description="the float network's file that speed is compared with, by point")
    budgets: dict[str, tuple[BudgetResult, ...]] = Field(description="those on speed and memory, by point")
    tolerance: float = Field(description="by what share the picks let the metrics that rank be worse")
    picks: tuple[Pick, ...]

    def latency_of(self, file: str, threads: int = 1) -> LatencyResult | None:
        """The row of *file* with *threads*."""
        return next((row for row in self.latency if row.file == file and row.threads == threads), None)

    def memory_of(self, file: str) -> MemoryResult | None:
        """The row of *file*."""
        return next((row for row in self.memory if row.file == file), None)


class Sweep(_Noun):
    """The record and the benchmark of one sweep."""

    record: SweepRecord
    benchmark: SweepBenchmark

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those of the task."""
        return recipe_class(self.record.recipe).metrics

    @property
    def without_result(self) -> tuple[SweptPoint, ...]:
        """Points that neither passed nor failed."""
        return tuple(point for point in self.record.points if point.result.status not in ("passed", "failed"))
