"""The pass that ends a sweep: memory and speed of every file, when nothing else runs.

Points are judged in parallel, which is no time to look at a clock. Afterwards the files of all points are opened in
one idle process and run in turns, as ``report`` does with the files of one build; the float networks run among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from export_pipeline.base.files import files_of, sha256, write_text
from export_pipeline.errors import ModelError
from export_pipeline.formats import format_of
from export_pipeline.pipeline import FLOAT_MODEL
from export_pipeline.recipe import Recipe
from export_pipeline.report import Benchmark, BudgetResult, LatencyResult, MemoryResult
from export_pipeline.report.budgets import machine_budgets, speed_limits
from export_pipeline.report.latency import measure
from export_pipeline.report.machine import libraries, machine, processor
from export_pipeline.report.memory import peak_memory
from export_pipeline.sweep.model import SweptPoint

# Files that one process holds open at a time; more are measured in several turns, each with its float networks.
MOST_TOGETHER = 64
CACHE = "measured"


class Rows(BaseModel):
    """What was measured of some files, by path inside the sweep's folder, and why others could not be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: tuple[LatencyResult, ...] = ()
    memory: tuple[MemoryResult, ...] = ()
    skipped: dict[str, str] = {}

    def __add__(self, other: Rows) -> Rows:
        return Rows(
            latency=(*self.latency, *other.latency),
            memory=(*self.memory, *other.memory),
            skipped={**self.skipped, **other.skipped},
        )


@dataclass(frozen=True)
class Measurement:
    """All rows, the float network that each point is compared with, and the budgets on speed and memory."""

    rows: Rows
    yardsticks: dict[str, str]
    budgets: dict[str, tuple[BudgetResult, ...]]


@dataclass(frozen=True)
class Meter:
    """Measures files below ``out``; ``work`` keeps what was measured, so that an interrupted pass goes on."""

    out: Path
    work: Path
    runs: int
    parallel: int
    say: Callable[[str], None]

    def measured(self, points: Sequence[SweptPoint], recipes: Mapping[str, Recipe]) -> Measurement:
        """Measure the files of *points*, whose recipes go by their labels."""
        points = [point for point in points if point.result.files]
        yardsticks = _yardsticks(points)
        sizes: dict[str, tuple[int, int]] = {}
        for point in points:
            sizes |= dict.fromkeys([yardsticks[point.label], *names_of(point).values()], _size(point))
        memory = self._memory(sizes)
        latency, budgets = Rows(), {}
        for group in _groups(points):
            rows = self._latency(group, yardsticks, recipes)
            latency += rows
            for point in group:
                seen = _benchmark(point, yardsticks[point.label], rows + memory)
                budgets[point.label] = machine_budgets(recipes[point.label], names_of(point), seen)
        return Measurement(_once(latency) + memory, yardsticks, budgets)

    def _memory(self, sizes: Mapping[str, tuple[int, int]]) -> Rows:
        self.say(f"memory of {len(sizes)} files")

        def one(name: str) -> Rows:
            def made() -> Rows:
                if why := format_of(name).unmeasured:
                    return Rows(skipped={name: why})
                try:
                    found = peak_memory(self.out / name, sizes[name])
                except ModelError as error:
                    return Rows(skipped={name: str(error)})
                return Rows(memory=(found.model_copy(update={"file": name}),))

            return self._kept("memory", [name], sizes[name], made)

        with ThreadPoolExecutor(self.parallel) as threads:
            return sum(threads.map(one, sizes), Rows())

    def _latency(
        self, points: Sequence[SweptPoint], yardsticks: Mapping[str, str], recipes: Mapping[str, Recipe]
    ) -> Rows:
        floats = dict.fromkeys(yardsticks[point.label] for point in points)
        names = [*floats, *(name for point in points for name in names_of(point).values())]
        size = _size(points[0])
        against = {str(self.out / name): str(self.out / yardsticks[p.label]) for p in points for name in _names(p)}
        limits: dict[str, float] = {}
        for point in points:
            found = {target: str(self.out / name) for target, name in names_of(point).items()}
            limits |= speed_limits(recipes[point.label], found)

        def made() -> Rows:
            unmeasured = {name: why for name in names if (why := format_of(name).unmeasured)}
            paths = {str(self.out / name): name for name in names if name not in unmeasured}
            # Rows go by file names where those differ.
            known = {**{Path(path).name: name for path, name in paths.items()}, **paths}
            try:
                found, errors = measure(list(paths), self.runs, None, size, against, limits, say=self.say)
            except ModelError as error:
                return Rows(skipped=dict.fromkeys(names, str(error)))
            rows = tuple(row.model_copy(update={"file": known[row.file]}) for row in found)
            return Rows(latency=rows, skipped=unmeasured | {paths[path]: reason for path, reason in errors.items()})

        least = {path.removeprefix(f"{self.out}/"): limit for path, limit in limits.items()}
        return self._kept("latency", names, size, made, least)

    def _kept(
        self,
        what: str,
        names: Sequence[str],
        size: tuple[int, int],
        made: Callable[[], Rows],
        limits: Mapping[str, float] | None = None,
    ) -> Rows:
        """The rows that *made* gives, or gave earlier for the same files on this machine with these libraries.

        Rows are kept where all files could be measured, and none too noisily for its limit; what failed is tried again
        the next time.
        """
        limits = limits or {}
        parts = [what, self.runs, size, processor(), sorted(libraries().items()), sorted(limits.items())]
        parts += [(name, [sha256(file) for file in files_of(self.out / name)]) for name in names]
        path = self.work / CACHE / f"{what}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.json"
        if path.is_file():
            return Rows.model_validate_json(path.read_text(encoding="utf-8"))
        rows = made()
        if not rows.skipped and _decided(rows, limits):
            write_text(path, rows.model_dump_json(indent=1) + "\n")
        return rows


def names_of(point: SweptPoint) -> dict[str, str]:
    """Path inside the sweep's folder of each file of *point*, by target."""
    return {file.target: f"{point.folder}/{file.file}" for file in point.result.files}


def _names(point: SweptPoint) -> Iterable[str]:
    return names_of(point).values()


def _decided(rows: Rows, limits: Mapping[str, float]) -> bool:
    """Whether every ratio is clear of its limit."""
    ratios = {row.file: row.ratio for row in rows.latency if row.threads == 1 and row.ratio}
    return all(ratios[name].clear_of(limit) for name, limit in limits.items() if name in ratios)


def _size(point: SweptPoint) -> tuple[int, int]:
    return point.result.height, point.result.width


def _yardsticks(points: Sequence[SweptPoint]) -> dict[str, str]:
    """For each point the file of its float network: the same file for points that share the network and the size."""
    files: dict[object, str] = {}
    found = {}
    for point in points:
        assert point.result.float_network
        key = (point.result.float_network.checkpoint_sha256, _size(point))
        found[point.label] = files.setdefault(key, f"{point.folder}/{FLOAT_MODEL}")
    return found


def _groups(points: Sequence[SweptPoint]) -> Iterator[list[SweptPoint]]:
    """Points of one image size, as many as may be measured together."""
    for _, same in groupby(sorted(points, key=_size), _size):
        group: list[SweptPoint] = []
        for point in same:
            if group and sum(len(one.result.files) for one in (*group, point)) > MOST_TOGETHER:
                yield group
                group = []
            group.append(point)
        yield group


def _once(rows: Rows) -> Rows:
    """A float network that ran in several turns keeps the row of the first."""
    first = {(row.file, row.threads): row for row in reversed(rows.latency)}
    return rows.model_copy(update={"latency": tuple(row for row in rows.latency if row in first.values())})


def _benchmark(point: SweptPoint, yardstick: str, rows: Rows) -> Benchmark:
    """The rows as the budgets of one point look at them."""
    about = {"name": point.label, "machine": machine(), "float_file": yardstick, "budgets": ()}
    return Benchmark.model_validate({**about, **{name: getattr(rows, name) for name in Rows.model_fields}})
