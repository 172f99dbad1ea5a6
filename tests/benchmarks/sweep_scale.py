"""How the points of a sweep scale from one to two workers: ``make sweepscale``.

The same points, each a small training with all that comes after it, run with one thread a worker: by processes of this
machine, one and two at a time, and on Ray clusters of one and two nodes of one processor. Runs take turns; the median
counts. Then what grows with the number of workers is measured by itself: the bytes that a point leaves in the shared
folder, and how many lines and jobs one driver takes in a second when the jobs do nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from export_pipeline.base.files import size, write_text
from export_pipeline.report.machine import machine
from export_pipeline.sweep import wave
from export_pipeline.sweep.cluster import RayCluster
from export_pipeline.sweep.jobs import Job
from export_pipeline.sweep.processes import RunJobs, run_jobs
from tests.builds import ROOT, vgg_weights
from tests.sweep.nodes import STORE, captured, write_recipe

LINES = 200


@contextlib.contextmanager
def cluster_of(nodes: int) -> Iterator[str]:
    """A Ray cluster of so many nodes of one processor, beside a head that has none; gives its address."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    about = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(True, head_node_args={**about, "_system_config": {"worker_niceness": 0}})
    for _ in range(nodes):
        cluster.add_node(num_cpus=1, object_store_memory=STORE, env_vars={"PYTHONPATH": str(ROOT)})
    try:
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def silent(_: str) -> None:
    """Nobody listens."""


def seconds(run: RunJobs, jobs: Sequence[Job], parallel: int, work: Path) -> float:
    """Seconds that *jobs* take in the new folder *work*."""
    moved = [job.model_copy(update={"folder": work / job.folder.name}) for job in jobs]
    begun = time.monotonic()
    failures = run(moved, parallel, silent)
    assert not failures, failures
    return time.monotonic() - begun


def scaled(jobs: Sequence[Job], runs: int, folder: Path) -> dict[str, Any]:
    """Seconds of each run, by engine and workers."""
    found: dict[str, list[float]] = {}
    for turn in range(runs):
        for workers in (1, 2):
            with mock.patch("export_pipeline.sweep.processes.cores", return_value=workers):  # one thread each
                took = seconds(run_jobs, jobs, workers, folder / f"local-{workers}-{turn}")
            found.setdefault(f"local, {workers}", []).append(took)
            with cluster_of(workers) as address, RayCluster(address) as run:
                took = seconds(run, jobs, workers, folder / f"ray-{workers}-{turn}")
            found.setdefault(f"ray, {workers}", []).append(took)
            print(json.dumps(found), flush=True)
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {
        "seconds": found,
        "median": medians,
        "speedup": {name: medians[f"{name}, 1"] / medians[f"{name}, 2"] for name in ("local", "ray")},
    }


def idle_jobs(jobs: int, folder: Path) -> dict[str, float]:
    """What a driver takes in from one node whose jobs tell lines and do nothing."""

    def task() -> Any:
        lines = LINES

        def attempt(words: list[str], files: dict[str, str], log: str, *_: Any) -> Iterator[tuple[Any, ...]]:
            from pathlib import Path

            for at in range(lines):
                yield "line", str(at)
            (Path(log).parent / "done").touch()
            yield "end", 0

        return attempt

    made = [
        Job(kind="train", label=str(at), recipe={}, relative_to=folder, folder=folder / f"train-{at}")
        for at in range(jobs)
    ]
    with cluster_of(1) as address, RayCluster(address) as run, mock.patch.object(wave, "task", task):
        took = seconds(run, made, 1, folder / "idle")
    return {"jobs_per_second": jobs / took, "lines_per_second": jobs * LINES / took}


def main() -> None:
    """Print the record, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--points", type=int, default=4)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .json file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_recipe(folder, vgg_weights(folder / "vgg.npz"), options.steps)
        jobs = captured(recipe, folder / "out", f"seed=1..{options.points}")
        about = scaled(jobs, options.runs, folder)
        points = [size(path.parent) for path in folder.glob("ray-1-0/*/result.json")]
        record = {
            "points": options.points,
            "steps": options.steps,
            **about,
            "bytes_per_point": statistics.median(points),
            "driver": idle_jobs(50, folder / "idle"),
            "machine": machine().model_dump(),
        }
    text = json.dumps(record, indent=1)
    print(text)
    if options.output:
        write_text(options.output, text + "\n")


if __name__ == "__main__":
    main()
