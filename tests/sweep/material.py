"""Points with made-up numbers, for what only looks at numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export_pipeline.recipe import StyleTransferRecipe
from export_pipeline.report import LatencyResult, Machine, MemoryResult, Size
from export_pipeline.sweep.jobs import Job, run_job
from export_pipeline.sweep.measure import Measurement, Rows
from export_pipeline.sweep.model import FileResult, FloatNetwork, PointResult, SweptPoint
from export_pipeline.sweep.processes import Failure

MACHINE = Machine(processor="a processor", cores=2, system="a system", python="3", libraries={})
TARGET = "mlmodel-palettized"
METRICS = StyleTransferRecipe.metrics


def metrics(style: float | None, content: float | None) -> dict[str, float | None]:
    """Every metric: *content* of the content, *style* of all that tell of the style."""
    return {**dict.fromkeys((metric.name for metric in METRICS), style), "content_distance": content}


def point(bits: int, deflated: int, style: float, content: float = 0.5, **file: Any) -> SweptPoint:
    """A point of one file, whose float network has content distance 0.5 and 0.2 in all other metrics."""
    about = {
        "target": TARGET,
        "file": "export/a.mlmodel",
        "sha256": {},
        "size": Size(bytes=2 * deflated, deflated_bytes=deflated),
        "nonzero_share": 1.0,
        "psnr": 30.0 + bits,
        "ssim": 0.9,
        **metrics(style, content),
        "export_psnr": 60.0,
        "status": "passed",
        **file,
    }
    network = FloatNetwork.model_validate({"checkpoint_sha256": "0" * 64, "parameters": 1000, **metrics(0.2, 0.5)})
    made = FileResult.model_validate(about)
    status = made.status
    result = PointResult(
        status=status, reason="; ".join(made.reasons), height=64, width=64, float_network=network, files=(made,)
    )
    overrides = {"compress.bits": bits}
    return SweptPoint(label=f"compress.bits={bits}", overrides=overrides, folder=f".work/point-{bits}", result=result)


Timed = tuple[tuple[SweptPoint, float], ...]


def measurement(points: Timed) -> Measurement:
    """What a machine would have measured of the points, each with its milliseconds."""
    about = {"runtime": "r", "version": "1", "processor": "p", "height": 64, "width": 64, "runs": 30, "threads": 1}
    names = {f"{one.folder}/export/a.mlmodel": ms for one, ms in points}
    latency = [
        LatencyResult.model_validate({"file": file, "median_ms": ms, "iqr_ms": 0.5, "fps": 1000 / ms, **about})
        for file, ms in {**names, ".work/point-8/float.keras": 20.0}.items()
    ]
    memory = [MemoryResult(file=file, runtime="r", peak_bytes=10**8, imported_bytes=10**7) for file in names]
    yardsticks = {one.label: ".work/point-8/float.keras" for one, _ in points}
    return Measurement(Rows(latency=tuple(latency), memory=tuple(memory)), yardsticks, {})


def jobs_here(jobs: Sequence[Job], parallel: int, say: Callable[[str], None]) -> dict[Path, Failure]:
    """In place of ``run_jobs``: the jobs one by one in this process, where processes are not what is tested."""
    for job in jobs:
        run_job(job)
    return {}


class Captured(list[Job]):
    """An engine that runs nothing and keeps the jobs which it was given."""

    def __enter__(self) -> Callable[..., dict[Path, Failure]]:
        return lambda jobs, *_: self.extend(jobs) or {job.folder: Failure("not run", "broken") for job in jobs}

    def __exit__(self, *_: object) -> None:
        """There is nothing to leave."""
