"""Jobs on their way through a Ray cluster: who is given what, and what is lost, refused and given up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.files import write_text
from export_pipeline.errors import UsageError
from export_pipeline.sweep.door import DOOR, write_door
from export_pipeline.sweep.jobs import REFUSED, Job
from export_pipeline.sweep.processes import JOB, LOG, Failure, outcome_of
from export_pipeline.sweep.remote import order, task, threads_of

if TYPE_CHECKING:
    from export_pipeline.sweep.cluster import RayCluster

PATIENCE_SECONDS = 60.0  # for a node to come, and for what a node wrote to be seen here
POLL_SECONDS = 1.0
LOST = {
    "WorkerCrashedError": "its worker was killed",
    "NodeDiedError": "its node was lost",
    "LocalRayletDiedError": "its node was lost",
    "OutOfMemoryError": "its node was out of memory",
}


@dataclass
class _Flight:
    """A job that was given to Ray."""

    job: Job
    attempt: int
    begun: float = field(default_factory=time.monotonic)
    node: str = ""
    place: str = "its node"
    last: str = ""


class Wave:
    """The jobs of one call, on their way through the cluster."""

    def __init__(
        self, cluster: RayCluster, ray: Any, jobs: Sequence[Job], parallel: int | None, say: Callable[[str], None]
    ):
        self._cluster, self._ray, self._parallel, self._say = cluster, ray, parallel, say
        self._queue = deque((job, 1) for job in jobs)
        self._flying: dict[Any, _Flight] = {}
        self._failures: dict[Path, Failure] = {}
        self._jobs, self._ended = len(jobs), 0
        self._door = jobs[0].folder.parent / DOOR
        self._threads = threads_of(parallel, [int(node["Resources"].get("CPU", 0)) for node in self._nodes()])
        self._deserted: float | None = None  # since when
        self._last_room, self._look_again = 0, 0.0
        write_door(self._door)
        for job in jobs:
            write_text(job.folder / JOB, job.model_dump_json(indent=1) + "\n")
            (job.folder / LOG).unlink(missing_ok=True)

    def run(self) -> dict[Path, Failure]:
        """Run all; gives the failures by folder."""
        while self._queue or self._flying:
            if room := self._room():
                self._deserted = None
            elif self._given_up():
                break
            # Some more than there is room for, so that no node waits for us.
            while self._queue and len(self._flying) < (self._parallel or 2 * room + 1):
                self._start(*self._queue.popleft())
            for stream in self._ready():
                self._hear(stream)
        return self._failures

    def cancel(self) -> None:
        """Take back whatever still runs."""
        for stream in self._flying:
            self._ray.cancel(stream, force=True)
        self._flying.clear()

    def _nodes(self) -> list[dict[str, Any]]:
        """The nodes that may be given jobs."""
        return [node for node in self._ray.nodes() if node["Alive"] and node["NodeID"] not in self._cluster.refused]

    def _room(self) -> int:
        """How many jobs the cluster can have at work at a time, as it was a second ago at most."""
        if time.monotonic() >= self._look_again:
            self._look_again = time.monotonic() + POLL_SECONDS
            self._last_room = sum(int(node["Resources"].get("CPU", 0)) // self._threads for node in self._nodes())
        return self._last_room

    def _ready(self) -> list[Any]:
        """The streams that have something to tell, all of them, once one has, or a second has passed."""
        flying = list(self._flying)
        ready, _ = self._ray.wait(flying, timeout=POLL_SECONDS)
        return list(ready and self._ray.wait(flying, num_returns=len(flying), timeout=0)[0])

    def _given_up(self) -> bool:
        """Whether there has been no node for too long; then what is left has failed.

        Raises:
            UsageError: nodes there are, but none may run a job.
        """
        if self._cluster.refused and not self._ended:
            raise UsageError(f"no node of the cluster may run a point: {'; '.join(self._cluster.refused.values())}")
        if self._deserted is None:
            self._deserted = time.monotonic()
            self._say(
                f"the cluster has no node left that could run a point; waiting {self._cluster.patience:.0f} s for one"
            )
        if time.monotonic() - self._deserted < self._cluster.patience:
            return False
        reason = (
            "the cluster has lost its last node; with nodes again, the same command goes on from the last checkpoint"
        )
        left = [*(job for job, _ in self._queue), *(flight.job for flight in self._flying.values())]
        self._failures |= {job.folder: Failure(reason, expected=False) for job in left}
        self._queue.clear()
        return True

    def _start(self, job: Job, attempt: int) -> None:
        options: dict[str, Any] = {"num_cpus": self._threads, "num_returns": "streaming", "max_retries": 0}
        if self._cluster.refused:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(self._cluster.refused)})"}
        given = order(job, self._door, self._cluster.url, self._threads, here=self._cluster.address is None)
        stream = self._ray.remote(task()).options(name=job.label, **options).remote(*given)
        self._flying[stream] = _Flight(job, attempt)

    def _hear(self, stream: Any) -> None:
        """Take the next that the task of *stream* tells."""
        flight = self._flying[stream]
        try:
            what, *told = self._ray.get(next(stream))
        except self._ray.exceptions.RayError as error:
            del self._flying[stream]
            self._lost(flight, LOST.get(type(error).__name__) or " ".join(str(error).split())[:200])
            return
        if what == "node":
            flight.node, flight.place = told[0], f"node {told[1]} ({told[0][:6]})"
            flight.begun = time.monotonic()
            self._say(f"{flight.job.label}: on {flight.place}")
        elif what == "line":
            flight.last = told[0]
            self._say(f"{flight.job.label}: {flight.last}")
        else:
            del self._flying[stream]
            self._end(flight, *told)

    def _end(self, flight: _Flight, code: int) -> None:
        """The process of a job has ended by itself."""
        if code in (REFUSED, 1):  # 1: Python could not even import this package
            self._refuse(flight)
        elif code < 0:
            self._lost(flight, "its process was killed")
        else:
            outcome = outcome_of(code, flight.last, flight.job)
            if outcome is None and self._cluster.store:
                self._cluster.store.fetch(flight.job.folder.name, flight.job.folder)
            if outcome is None and not _seen(flight.job):
                reason = f"it ended well on {flight.place}, but what it made is not in {flight.job.folder}"
                outcome = Failure(f"{reason}: that must be one folder for all nodes", expected=False)
            self._finish(flight, outcome)

    def _refuse(self, flight: _Flight) -> None:
        """A node that may not run jobs is given none any more; its job goes elsewhere."""
        if flight.node not in self._cluster.refused:
            self._cluster.refused[flight.node] = f"{flight.place} is refused: {flight.last}"
            self._say(self._cluster.refused[flight.node])
            self._look_again = 0.0
        self._queue.appendleft((flight.job, flight.attempt))

    def _lost(self, flight: _Flight, why: str) -> None:
        """The worker of a job is gone; another goes on with it, but not for ever."""
        attempts = self._cluster.retries + 1
        if flight.job.finished:
            self._finish(flight, None)
        elif flight.attempt < attempts:
            self._say(f"{flight.job.label}: lost on {flight.place}: {why}; attempt {flight.attempt + 1} of {attempts}")
            self._queue.appendleft((flight.job, flight.attempt + 1))
        else:
            reason = (
                f"lost in attempt {attempts} of {attempts} on {flight.place}: {why}. The same command goes on with it"
            )
            self._finish(flight, Failure(reason, expected=False))

    def _finish(self, flight: _Flight, outcome: Failure | None) -> None:
        if outcome:
            self._failures[flight.job.folder] = outcome
        self._ended += 1
        seconds = time.monotonic() - flight.begun
        self._say(
            f"[{self._ended}/{self._jobs}] {flight.job.label}: {'failed' if outcome else 'done'} after {seconds:.0f} s"
        )


def _seen(job: Job) -> bool:
    """Whether what *job* has made is here. Network file systems show a file of another machine after some seconds."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not job.finished and time.monotonic() < until:
        time.sleep(0.2)
    return job.finished
