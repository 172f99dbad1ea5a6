"""What other programs write of times on a device: TFLite's ``benchmark_model``, and tests that Xcode has run.

Sources: ``benchmark_model.cc`` and ``benchmark_result.proto`` of TensorFlow Lite; ``xcrun xcresulttool get test-results
metrics``. The reports that Xcode draws of a Core ML model have no published format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export_pipeline.base.faults import faults
from export_pipeline.errors import BundleError, UsageError
from export_pipeline.report.latency import LEAST_RUNS
from export_pipeline.report.wire import fields

ALLOWED = (
    "Give a benchmark.json as the app's benchmark screen shares it, the log or the BenchmarkResult of TFLite's "
    "benchmark_model, or what 'xcrun xcresulttool get test-results metrics' prints."
)
CLOCKS = ("com.apple.dt.XCTMetric_Clock.time.monotonic", "com.apple.XCTPerformanceMetric_WallClockTime")
TFLITE = "TFLite benchmark_model"
_NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"
_END = "Inference timings in us:"
# Of its options in the log: what the time is of, unless the log says that it was not.
_DELEGATES = {"gpu": "GPU", "nnapi": "NNAPI", "hexagon": "Hexagon", "coreml": "Core ML", "xnnpack": "CPU"}


@dataclass(frozen=True)
class Told:
    """What a user says of a result that does not say it itself; nothing where it does.

    Attributes:
        file: of the bundle, that was timed.
        device, system, accelerator, runtime, version: as in the rows of a report.
        threads: of the computation.
        test: of several that were measured, the one that timed the file.
        predictions: in each measurement of a test.
    """

    file: str | None = None
    device: str | None = None
    system: str | None = None
    accelerator: str | None = None
    runtime: str | None = None
    version: str | None = None
    threads: int | None = None
    test: str | None = None
    predictions: int | None = None

    @property
    def given(self) -> list[str]:
        """Names of the options that were given."""
        return [f"--{name.replace('version', 'runtime-version')}" for name, value in vars(self).items() if value]


@dataclass(frozen=True)
class Timing:
    """Times of one file on one device, milliseconds; what is not told is ``None``, and 0 threads."""

    file: str
    device: str
    system: str
    accelerator: str
    runtime: str
    version: str
    threads: int
    runs: int
    median_ms: float | None = None
    iqr_ms: float | None = None
    mean_ms: float | None = None


def timings(path: Path, told: Told) -> list[Timing] | None:
    """What the file at *path* and the user tell; ``None`` where it is one JSON document, such as an app's.

    Raises:
        BundleError: it is none of the files that are read, or damaged.
        UsageError: something is missing that an option must tell, or is told twice.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}. {ALLOWED}") from error
    try:
        document = json.loads(data)
    except ValueError:
        document = ()
    if isinstance(document, dict):
        return None
    text = data.decode("utf-8", errors="replace")
    if isinstance(document, list):
        found = list(_of_tests(path, document, told))
    elif _END in text:
        found = [_of_log(path, block, told) for block in _blocks(text)]
    elif re.search(r"node type.*,.*avg", text):
        raise BundleError(
            f"{path} is a profile of operations, whose times do not add up to that of a run. Give the log of "
            "benchmark_model instead, or its BenchmarkResult."
        )
    elif path.suffix == ".json" or (result := _result(data)) is None:
        what = "no JSON, and no log either" if path.suffix == ".json" else "none of the results that are read"
        raise BundleError(f"{path} is {what}. {ALLOWED}")
    else:
        found = [_of_result(path, result, told)]
    for one in found:
        _check(path, one)
    return found


def _check(path: Path, found: Timing) -> None:
    if found.runs < LEAST_RUNS:
        raise BundleError(f"{path} has {found.runs} runs of {found.file}; at least {LEAST_RUNS} are needed.")
    for value in (found.median_ms, found.mean_ms):
        if value is not None and not 0 < value < float("inf"):
            raise BundleError(f"{path} has a time of {value} ms, which is none. {ALLOWED}")


def _need(path: Path, told: Told, **known: Any) -> dict[str, Any]:
    """What *path* itself says, with what is told of the rest, or more closely.

    A file may have been copied to the device under another name.

    Raises:
        UsageError: it is said twice, and one is no part of the other, or it is said by neither.
    """
    found = {}
    for name, own in known.items():
        said, option = getattr(told, name), f"--{name.replace('version', 'runtime-version')}"
        if own and said and name != "file" and own.lower() not in said.lower():
            raise UsageError(f"{path} says {own!r}, and {option} {said!r}. Leave that out.")
        found[name] = said or own
        if not found[name]:
            raise UsageError(f"{path} does not tell; give {option}.")
    return found


def _blocks(text: str) -> Iterator[str]:
    """The parts of a log, each up to its last line of times."""
    *parts, _ = text.split(_END)
    yield from parts


def _of_log(path: Path, log: str, told: Told) -> Timing:
    """The run that *log* is of, up to its times."""
    stats = re.findall(rf"count=(\d+) .*?avg={_NUMBER} std=[^\n]*", log)
    lines = re.findall(r"count=\d+ [^\n]*", log)
    if not stats or not lines or "avg=" not in lines[-1]:
        raise BundleError(f"{path} is cut off, or of an old benchmark_model: a line with count= and avg= is missing.")
    count, mean = stats[-1]
    median = re.search(rf"median={_NUMBER}", lines[-1])
    graph = _option(log, "Graph") or _option(log, "Loaded model", r"(\S+)")
    threads = _option(log, "#threads used for CPU inference") or _option(log, "Num threads")
    own = {"file": PurePosixPath(graph).name if graph else None, "accelerator": _accelerator(path, log, told)}
    about = _need(path, told, **own, device=None, system=None)
    return Timing(
        **about,
        runtime=told.runtime or TFLITE,
        version=told.version or "",
        threads=_threads(threads, told),
        runs=int(count),
        median_ms=float(median[1]) / 1000 if median else None,
        mean_ms=float(mean) / 1000,
    )


def _option(log: str, name: str, value: str = r"\[([^\]\n]*)\]") -> str | None:
    found = re.findall(rf"{re.escape(name)}:? {value}", log)
    return found[-1].strip() or None if found else None


def _threads(written: str | None, told: Told) -> int:
    own = int(written) if written and written.isdecimal() else 0
    return told.threads or own


def _accelerator(path: Path, log: str, told: Told) -> str | None:
    """What the log says that the graph ran on; ``None`` where it says nothing.

    Raises:
        UsageError: it was to run on what did not take it, so that the time is of something else.
    """
    asked = [name for key, name in _DELEGATES.items() if _option(log.lower(), f"use {key}") in ("1", "true")]
    refused = re.findall(r"Though (\S+) delegate is explicitly applied, the model graph will not be executed", log)
    left = [name for name in asked if name.lower() not in {one.lower() for one in refused}]
    if refused and not left and told.accelerator is None:
        raise UsageError(
            f"{path}: {' and '.join(refused)} was asked for and took nothing of the graph, so that the time is of "
            "something else. Say of what with --accelerator, such as CPU."
        )
    if refused and not left:
        return None
    partly = re.search(r"will be partially executed", log) is not None
    return " and ".join([*left, *(["CPU"] if partly and "CPU" not in left else [])]) or None


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Device(_Noun):
    deviceName: str = ""  # noqa: N815 - as Xcode writes it
    modelName: str = ""  # noqa: N815
    osVersion: str = ""  # noqa: N815
    platform: str = ""


class _Metric(_Noun):
    identifier: str = ""
    displayName: str = ""  # noqa: N815
    unitOfMeasurement: str = ""  # noqa: N815
    measurements: tuple[float, ...] = ()


class _Run(_Noun):
    device: _Device
    metrics: tuple[_Metric, ...]


class _Test(_Noun):
    testIdentifier: str  # noqa: N815
    testRuns: tuple[_Run, ...] = Field(min_length=1)  # noqa: N815


_UNITS = {"s": 1000.0, "ms": 1.0, "us": 0.001, "µs": 0.001, "ns": 1e-6}


def _of_tests(path: Path, document: list[Any], told: Told) -> Iterator[Timing]:
    """The times of a test, one for each device that it was run on."""
    try:
        tests = [_Test.model_validate(one) for one in document]
    except ValidationError as error:
        raise BundleError(f"{path} is no result of tests: {faults(error)}. {ALLOWED}") from error
    timed = {test.testIdentifier: test for test in tests if any(map(_clock, test.testRuns))}
    names = ", ".join(timed) or "none"
    chosen = [name for name in timed if told.test in (None, name)]
    if len(chosen) != 1:
        raise UsageError(f"{path} has times of {names}; choose one with --test.")
    for run in timed[chosen[0]].testRuns:
        if (metric := _clock(run)) is None:
            continue
        each = np.asarray(metric.measurements) * _unit(path, metric) / (told.predictions or 1)
        low, median, high = (float(value) for value in np.percentile(each, (25, 50, 75)))
        system = " ".join(filter(None, (run.device.platform, run.device.osVersion)))
        own = {"device": run.device.modelName or run.device.deviceName, "system": system}
        about = _need(path, told, **own, file=None, accelerator=None)
        spread: dict[str, Any] = {"median_ms": median, "iqr_ms": high - low, "mean_ms": float(each.mean())}
        runtime: dict[str, Any] = {"runtime": told.runtime or "Core ML", "version": told.version or system}
        yield Timing(**about, **runtime, threads=told.threads or 0, runs=len(each), **spread)


def _clock(run: _Run) -> _Metric | None:
    return next((one for one in run.metrics if one.identifier in CLOCKS and one.measurements), None)


def _unit(path: Path, metric: _Metric) -> float:
    if metric.unitOfMeasurement not in _UNITS:
        known = ", ".join(_UNITS)
        raise BundleError(f"{path}: {metric.displayName} is in {metric.unitOfMeasurement!r}; read are {known}.")
    return _UNITS[metric.unitOfMeasurement]


# Numbers of the fields of BenchmarkResult, its LatencyMetrics and its MiscMetrics.
_LATENCY, _MISC, _AVERAGE, _MEDIAN, _RUNS = 2, 4, 1, 5, 2


def _result(data: bytes) -> Mapping[int, Any] | None:
    """The fields of a BenchmarkResult in *data*, by number; ``None`` where it is none."""
    try:
        found = fields(data)
        latency, misc = (fields(found[key]) for key in (_LATENCY, _MISC))
    except (ValueError, KeyError, TypeError):
        return None
    there = isinstance(latency.get(_AVERAGE), float) and isinstance(misc.get(_RUNS), int)
    return {_LATENCY: latency, _MISC: misc} if there else None


def _of_result(path: Path, result: Mapping[int, Any], told: Told) -> Timing:
    latency, misc = result[_LATENCY], result[_MISC]
    about = _need(path, told, file=None, device=None, system=None, accelerator=None)
    runtime: dict[str, Any] = {"runtime": told.runtime or TFLITE, "version": told.version or ""}
    median = latency.get(_MEDIAN)
    spread: dict[str, Any] = {"mean_ms": latency[_AVERAGE], "median_ms": median if isinstance(median, float) else None}
    return Timing(**about, **runtime, threads=told.threads or 0, runs=misc[_RUNS], **spread)
