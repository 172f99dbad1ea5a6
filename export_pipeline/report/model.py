"""The nouns of this stage: what a report is made of. All frozen, all with a JSON round trip.

A :class:`Report` has two halves. The :class:`Record` is the same whenever it is made from the same files:
``report.json``. The :class:`Benchmark` is what one machine measured: ``benchmark.json``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from export_pipeline.base.size import Size
from export_pipeline.emulator.listings.nouns import Listing
from export_pipeline.recipe import RecordedRecipe
from export_pipeline.records.compression import Compression
from export_pipeline.records.contents import Contents, Noun
from export_pipeline.records.diagnosis import Diagnosis
from export_pipeline.records.exported import with_types
from export_pipeline.records.parity import ParityResult, Status
from export_pipeline.records.signature import Port, Signature
from export_pipeline.report.device_nouns import Devices


class FileRecord(Noun):
    """One exported file."""

    target: str
    file: str
    format: str = Field(description="suffix of the file without the dot")
    signature: Signature
    size: Size
    contents: Contents
    diagnosis: Diagnosis | None = Field(None, description="none in records of earlier versions")
    notes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_its_target(cls, data: Any) -> Any:
        return with_types(data)


class BudgetResult(Noun):
    """One limit of the recipe and what was measured; a skipped one says why and is no pass.

    A ``noisy`` one is neither passed nor failed: what was measured scatters by more than it is off the limit. Where
    the limit is one against the last release, ``release`` is what that has.
    """

    target: str
    what: str
    rule: Literal["most", "least"]
    limit: float
    measured: float | None
    status: Literal[Status, "noisy"]
    reason: str = ""
    release: float | None = None


class Record(Noun):
    """``report.json``: equal files give an equal record."""

    format: Literal[1] = 1
    name: str
    recipe: RecordedRecipe
    provenance: dict[str, str]
    libraries: dict[str, str] = Field(description="versions of what made and read the files")
    float_network: Contents = Field(description="of the Keras network that the files were made from")
    compression: Compression | None = Field(None, description="what the compress stage did to its kernels")
    files: tuple[FileRecord, ...]
    parity: tuple[ParityResult, ...]
    budgets: tuple[BudgetResult, ...] = Field(description="those on size and quality")


class Spread(Noun):
    """What was measured again and again: the median and both quartiles."""

    low: float
    median: float
    high: float

    @property
    def iqr(self) -> float:
        """The interquartile range."""
        return self.high - self.low

    def clear_of(self, limit: float) -> bool:
        """Whether the median is further from *limit* than the quartiles are from each other; NaN never is."""
        return abs(self.median - limit) >= self.iqr

    def apart_from(self, other: Spread) -> bool:
        """Whether the two ranges from quartile to quartile have nothing in common."""
        return self.high < other.low or other.high < self.low


class LatencyResult(Noun):
    """Latency of one file: median and interquartile range over ``runs``, after warm-up, in milliseconds.

    ``low_ms`` and ``high_ms`` are the quartiles. ``ratio`` compares the file with another of the same run, turn by
    turn: of a build, FPS as a multiple of the float network's. Records of earlier versions have none of these.
    """

    file: str
    runtime: str
    version: str
    threads: int
    processor: str
    height: int = Field(description="of the image that goes in; 0 for what takes no image")
    width: int
    runs: int
    median_ms: float
    iqr_ms: float
    fps: float = Field(description="1 / median; of this processor, never a phone's")
    low_ms: float | None = Field(None, description="first quartile")
    high_ms: float | None = Field(None, description="third quartile")
    ratio: Spread | None = Field(None, description="FPS as a multiple of the file's that it is compared with")

    @property
    def spread_ms(self) -> Spread:
        """Median and quartiles; where those are not on record, half of their range to either side of the median."""
        half = self.iqr_ms / 2
        low = self.median_ms - half if self.low_ms is None else self.low_ms
        high = self.median_ms + half if self.high_ms is None else self.high_ms
        return Spread(low=low, median=self.median_ms, high=high)


class MemoryResult(Noun):
    """Resident set of a fresh process that imports the library, loads the file and runs it once."""

    file: str
    runtime: str
    peak_bytes: int
    imported_bytes: int = Field(description="already resident when only the library was imported")


class Machine(Noun):
    """Where the benchmark ran."""

    processor: str
    cores: int
    system: str
    python: str
    libraries: dict[str, str]


class Benchmark(Noun):
    """``benchmark.json``: what one machine measured. ``float_file`` names the rows of the float network."""

    format: Literal[1] = 1
    name: str
    machine: Machine
    float_file: str
    latency: tuple[LatencyResult, ...]
    memory: tuple[MemoryResult, ...]
    skipped: dict[str, str] = Field(default_factory=dict, description="files not measured, and why")
    budgets: tuple[BudgetResult, ...] = Field(description="those on speed and memory")

    def latency_of(self, file: str, threads: int = 1) -> LatencyResult | None:
        """The row of *file* with *threads*."""
        return next((row for row in self.latency if row.file == file and row.threads == threads), None)

    def memory_of(self, file: str) -> MemoryResult | None:
        """The row of *file*."""
        return next((row for row in self.memory if row.file == file), None)

    def fps_ratio(self, file: str) -> float | None:
        """FPS of *file* as a multiple of the float Keras network's, same run, one thread each."""
        found = self.fps_spread(file)
        return found.median if found else None

    def fps_spread(self, file: str) -> Spread | None:
        """The same with quartiles; in records of earlier versions they follow from those of both times."""
        own, yardstick = self.latency_of(file), self.latency_of(self.float_file)
        if own is None or yardstick is None:
            return None
        its, base = own.spread_ms, yardstick.spread_ms
        if own.ratio is None and (own.height, own.width) != (yardstick.height, yardstick.width):
            return None  # of a further size, at which the yardstick was not timed
        return own.ratio or Spread(low=base.low / its.high, median=own.fps / yardstick.fps, high=base.high / its.low)


class Report(Noun):
    """The record and the benchmark of one build, and what devices measured of its files."""

    record: Record
    benchmark: Benchmark
    devices: Devices | None = None

    @property
    def budgets(self) -> tuple[BudgetResult, ...]:
        """All budget rows."""
        return (*self.record.budgets, *self.benchmark.budgets)


class Inspection(Noun):
    """What a model file of any format tells about itself."""

    file: str
    format: str = Field(description="suffix of the file without the dot")
    signature: Signature | None
    metadata: dict[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    size: Size
    contents: Contents
    diagnosis: Diagnosis
    program: Listing | None = Field(default=None, description="of a Core ML file, operation by operation")


class StoredTensor(Noun):
    """One tensor of a container of weights, read back and proven."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored: str = Field(description="type of its values, or of those of its table, in the file")
    form: Literal["dense", "mask", "gaps"] = Field(
        description="how its nonzeros are found; dense: all values are there"
    )
    table: int | None = Field(description="entries of its table; None when its values lie there one by one")
    zeros: int
    bytes: int = Field(description="in the file, without its name and shape")


class ContainerInspection(Noun):
    """What a container of weights holds."""

    file: str
    format: Literal["weights"] = "weights"
    size: Size
    parameters: int = Field(description="values of all tensors")
    memory_bytes: int = Field(description="of all tensors once they are read")
    tensors: tuple[StoredTensor, ...]
