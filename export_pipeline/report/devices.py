"""What phones measured: of the apps' benchmark screens or other programs, beside a report and never mixed with ours."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from export_pipeline.base.documents import parsed
from export_pipeline.base.faults import faults
from export_pipeline.base.files import write_text, written_aside
from export_pipeline.bundle import MEASURED, Bundle
from export_pipeline.errors import BundleError, UsageError
from export_pipeline.records.contents import Noun
from export_pipeline.records.exported import ExportedModel
from export_pipeline.report.device_nouns import DeviceResult, DeviceRow, Devices
from export_pipeline.report.foreign import ALLOWED, Timing, Told, timings
from export_pipeline.report.latency import LEAST_RUNS

DEVICES_FILE = "devices.json"
NO_PYTHON = "none"  # what an app's record says of Python


class _Row(Noun):
    """A row as an app writes it."""

    file: str = Field(min_length=1)
    runtime: str = Field(min_length=1)
    version: str
    threads: int = Field(ge=0, le=1024)
    processor: str
    height: int = Field(ge=0)
    width: int = Field(ge=0)
    runs: int = Field(ge=LEAST_RUNS)
    median_ms: float = Field(gt=0, allow_inf_nan=False)
    iqr_ms: float = Field(ge=0, allow_inf_nan=False)
    fps: float = Field(gt=0, allow_inf_nan=False)
    energy_mj: float | None = Field(None, gt=0, allow_inf_nan=False)


class _Machine(Noun):
    processor: str = Field(min_length=1)
    cores: int = Field(ge=1)
    system: str = Field(min_length=1)
    python: str
    libraries: dict[str, str]


class _Written(Noun):
    """``benchmark.json`` as an app writes it."""

    format: int = Field(ge=1, le=1)
    name: str
    machine: _Machine
    float_file: str
    latency: tuple[_Row, ...]
    memory: tuple[Any, ...] = Field(max_length=0)
    skipped: dict[str, str] = Field(default_factory=dict)
    budgets: tuple[Any, ...] = Field(max_length=0)


def read_result(path: Path) -> tuple[str, _Written]:
    """The name of the bundle that a result is of, and the result.

    Raises:
        BundleError: it is not what an app writes.
        UsageError: it is of this program, which measures no device.
    """
    try:
        data = parsed(path.read_bytes())
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}. {ALLOWED}") from error
    except ValueError as error:
        raise BundleError(f"{path} is no JSON: {str(error).splitlines()[0]}. {ALLOWED}") from error
    machine = data.get("machine") if isinstance(data, dict) else None
    if isinstance(machine, dict) and machine.get("python", NO_PYTHON) != NO_PYTHON:
        raise UsageError(f"{path} was measured by export-pipeline on {machine.get('processor')}, no device. {ALLOWED}")
    try:
        found = _Written.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise BundleError(f"{path} is no result of an app: {faults(error)}. {ALLOWED}") from error
    return found.name, found


def read_devices(folder: Path) -> Devices | None:
    """What ``devices.json`` in *folder* says; ``None`` without one.

    Raises:
        BundleError: it is damaged.
    """
    path = folder / DEVICES_FILE
    if not path.is_file():
        return None
    try:
        return Devices.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{path} is damaged: {str(error).splitlines()[0]}. Delete it, and import again.") from error


def import_results(
    bundle: Bundle, paths: Sequence[Path], render: Callable[[Path], None], told: Told | None = None
) -> Devices:
    """Add results to *bundle*: ``devices.json`` and the pages are written anew, and ``measured.json`` vouches for them.

    The bundle is replaced as a whole. What the same device measured of the same file, accelerator and threads before is
    replaced by the newer result.

    Args:
        bundle: whole, or without its largest files.
        paths: results of the apps, or of other programs.
        render: draws the pages of a folder anew.
        told: what results of other programs do not say themselves.

    Raises:
        BundleError, UsageError: a result is none, is of another bundle, names a file that is not in it, or does not
            tell what it is of.
        CheckFailed: a file of the bundle has changed.
        OutputError: the bundle cannot be written.
    """
    bundle.check_files(partly=True)
    before = read_devices(bundle.path)
    found = {(one.device, one.system): one for one in (before.devices if before else ())}
    for result in (one for path in paths for one in _results(path, bundle, told or Told())):
        key = (result.device, result.system)
        found[key] = _joined(found[key], result) if key in found else result
    devices = Devices(name=bundle.manifest.name, devices=tuple(found[key] for key in sorted(found)))
    with written_aside(bundle.path) as aside:
        shutil.copytree(bundle.path, aside)
        write_text(aside / DEVICES_FILE, devices.model_dump_json(indent=1) + "\n")
        render(aside)
        Bundle.seal_measured(aside, (*_measured(bundle.path), DEVICES_FILE))
    return devices


def _measured(folder: Path) -> Iterator[str]:
    """The files that ``measured.json`` vouches for and that are there."""
    listed = json.loads((folder / MEASURED).read_text(encoding="utf-8"))["files"]
    return (name for name in listed if name != DEVICES_FILE and (folder / name).is_file())


def _results(path: Path, bundle: Bundle, told: Told) -> Iterator[DeviceResult]:
    """What *path* has of *bundle*, an app's result or one of another program."""
    found = timings(path, told)
    if found is None:
        if told.given:
            raise UsageError(f"{path} is of an app and tells all of it itself. Leave out {', '.join(told.given)}.")
        yield _of_bundle(path, bundle)
        return
    models = {model.file: model for model in bundle.manifest.models}
    for one in found:
        yield DeviceResult(
            device=one.device, system=one.system, cores=0, libraries={}, rows=(_timed(path, one, models),)
        )


def _timed(path: Path, found: Timing, models: Mapping[str, ExportedModel]) -> DeviceRow:
    if found.file not in models:
        raise UsageError(
            f"{path} has a time of {found.file}, which the bundle does not hold; give --file: {', '.join(models)}."
        )
    model = models[found.file]
    size = next((port.size for port in model.signature.inputs if port.size), None) or (0, 0)
    time = found.mean_ms if found.median_ms is None else found.median_ms
    about = {key: value for key, value in vars(found).items() if key not in ("device", "system")}
    row = {**about, "target": model.target, "height": size[0], "width": size[1], "fps": 1000 / time if time else 0.0}
    return DeviceRow.model_validate(row)


def _of_bundle(path: Path, bundle: Bundle) -> DeviceResult:
    name, written = read_result(path)
    if name != bundle.manifest.name:
        raise UsageError(f"{path} is of the bundle {name!r}, and {bundle.path} is {bundle.manifest.name!r}. {ALLOWED}")
    if not written.latency:
        raise UsageError(f"{path} has no times: {_reasons(written.skipped)}. Run the benchmark on the device again.")
    models = {model.file: model for model in bundle.manifest.models}
    return DeviceResult(
        device=written.machine.processor,
        system=written.machine.system,
        cores=written.machine.cores,
        libraries=written.machine.libraries,
        rows=tuple(_row(path, row, models) for row in written.latency),
        skipped=written.skipped,
    )


def _reasons(skipped: Mapping[str, str]) -> str:
    return "; ".join(f"{file}: {why}" for file, why in skipped.items()) or "it names no file"


def _row(path: Path, row: _Row, models: Mapping[str, ExportedModel]) -> DeviceRow:
    if row.file not in models:
        raise UsageError(f"{path} has a time of {row.file}, which the bundle does not hold: {', '.join(models)}.")
    model = models[row.file]
    sizes = {size for port in model.signature.inputs for size in port.allowed_sizes()}
    if sizes and f"{row.height}x{row.width}" not in sizes:
        told = " or ".join(sorted(sizes))
        raise UsageError(f"{path} has a time of {row.file} at {row.height}x{row.width}; it takes {told}.")
    if not math.isclose(row.fps, 1000 / row.median_ms, rel_tol=0.01):
        raise BundleError(f"{path} is no result of an app: {row.file} has {row.fps} FPS at {row.median_ms} ms.")
    runtime, _, accelerator = row.runtime.partition(", ")
    about = row.model_dump(exclude={"processor", "runtime"})
    return DeviceRow(**about, target=model.target, runtime=runtime, accelerator=accelerator)


def _joined(old: DeviceResult, new: DeviceResult) -> DeviceResult:
    """Both results of one device; the newer one of the same measurement."""
    rows = {_key(row): row for row in (*old.rows, *new.rows)}
    return new.model_copy(update={"rows": tuple(rows.values()), "libraries": {**old.libraries, **new.libraries}})


def _key(row: DeviceRow) -> tuple[str, str, str, int]:
    return row.file, row.runtime, row.accelerator, row.threads
