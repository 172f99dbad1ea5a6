"""Jobs on their way through a Ray cluster: who is given what, and what is lost, refused and given up."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.files import write_text
from export_pipeline.errors import OutputError, UsageError
from export_pipeline.sweep.door import DOOR, write_door
from export_pipeline.sweep.jobs import REFUSED, STORE_LOST, Job
from export_pipeline.sweep.processes import JOB, LOG, Failure, outcome_of
from export_pipeline.sweep.remote import order, task, threads_of

if TYPE_CHECKING:
    from export_pipeline.sweep.cluster import RayCluster

PATIENCE_SECONDS = 60.0  # for a node to come, and for what a node wrote to be seen here
POLL_SECONDS = 1.0
HANDS = 4  # results that are brought here at a time
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
        self._landing, self._hands = 0, threading.Semaphore(HANDS)
        self._landed: queue.SimpleQueue[tuple[_Flight, Failure | Exception | None]] = queue.SimpleQueue()
        self._left = threading.Event()
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
        while self._queue or self._flying or self._landing:
            if room := self._room():
                self._deserted = None
            elif self._queue or self._flying:
                self._look_after_nodes()
            # Some more than there is room for, so that no node waits for us.
            while self._queue and len(self._flying) < (self._parallel or 2 * room + 1):
                self._start(*self._queue.popleft())
            for stream in self._ready():
                self._hear(stream)
            self._take_in()
        return self._failures

    def cancel(self) -> None:
        """Take back whatever still runs, and wait for nothing that is still on its way here."""
        self._left.set()
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
        if not flying:  # for none, Ray would not wait
            self._left.wait(POLL_SECONDS / 5)
            return []
        ready, _ = self._ray.wait(flying, timeout=POLL_SECONDS)
        return list(ready and self._ray.wait(flying, num_returns=len(flying), timeout=0)[0])

    def _look_after_nodes(self) -> None:
        """There is no node that may run a job. When that has been so for too long, what is left has failed.

        Raises:
            UsageError: all nodes that ever came were refused.
        """
        if self._cluster.refused and self._cluster.heard_of <= set(self._cluster.refused):
            raise UsageError(f"no node of the cluster may run a point: {'; '.join(self._cluster.refused.values())}")
        if self._deserted is None:
            self._deserted = time.monotonic()
            self._say(
                f"the cluster has no node left that could run a point; waiting {self._cluster.patience:.0f} s for one"
            )
        if time.monotonic() - self._deserted < self._cluster.patience:
            return
        reason = (
            "the cluster has lost its last node; with nodes again, the same command goes on from the last checkpoint"
        )
        left = [*(job for job, _ in self._queue), *(flight.job for flight in self._flying.values())]
        self._failures |= {job.folder: Failure(reason, "lost") for job in left}
        self._queue.clear()
        for stream in self._flying:
            self._ray.cancel(stream, force=True)
        self._flying.clear()

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
        except self._ray.exceptions.RayTaskError as error:  # an error of what runs there, which would come again
            del self._flying[stream]
            cause = error.cause if isinstance(error.cause, Exception) else error
            reason = f"it could not be run on {flight.place}: {type(cause).__name__}: {first_line(cause)}"
            self._finish(flight, Failure(reason, "broken"))
            return
        except self._ray.exceptions.RayError as error:
            del self._flying[stream]
            self._lost(flight, LOST.get(type(error).__name__) or first_line(error))
            return
        if what == "node":
            flight.node, flight.place = told[0], f"node {told[1]} ({told[0][:6]})"
            self._cluster.heard_of.add(flight.node)
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
        elif code == STORE_LOST:
            self._lost(flight, flight.last)
        elif outcome := outcome_of(code, flight.last, flight.job):
            self._finish(flight, outcome)
        else:
            self._landing += 1
            threading.Thread(target=self._land, args=[flight], daemon=True).start()

    def _land(self, flight: _Flight) -> None:
        """Bring here what a job has made, beside all else: stores and network file systems may take their time."""
        job, store, found = flight.job, self._cluster.store, None
        try:
            with self._hands:
                if store and not self._left.is_set():
                    store.fetch(job.folder.name, job.folder)
                if not self._seen(job):
                    where = f"at {self._cluster.url}" if store else f"in {job.folder}: that must be one for all nodes"
                    found = Failure(f"it ended well on {flight.place}, but what it made is not {where}", "broken")
        except OutputError as error:
            found = Failure(f"it ended well on {flight.place}, but {error}", "lost")
        except Exception as error:  # is raised where it is not lost
            self._landed.put((flight, error))
            return
        self._landed.put((flight, found))

    def _seen(self, job: Job) -> bool:
        """Whether what *job* has made is here. Network file systems show a file of another machine after seconds."""
        until = time.monotonic() + (0 if self._cluster.store else PATIENCE_SECONDS)
        while not job.finished and time.monotonic() < until and not self._left.is_set():
            self._left.wait(0.2)
        return job.finished

    def _take_in(self) -> None:
        """Note what has been brought here."""
        while not self._landed.empty():
            flight, outcome = self._landed.get()
            self._landing -= 1
            if isinstance(outcome, Exception):
                raise outcome
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
                f"attempt {attempts} of {attempts} ended on {flight.place}: {why}. The same command goes on with it"
            )
            self._finish(flight, Failure(reason, "lost"))

    def _finish(self, flight: _Flight, outcome: Failure | None) -> None:
        if outcome:
            self._failures[flight.job.folder] = outcome
        self._ended += 1
        seconds, how = time.monotonic() - flight.begun, outcome.how if outcome else "done"
        self._say(f"[{self._ended}/{self._jobs}] {flight.job.label}: {how} after {seconds:.0f} s")


def first_line(error: Exception) -> str:
    """What *error* says first, which is what was wrong: Ray's go on for pages."""
    lines = str(error).strip().splitlines()
    return lines[0].strip()[:200].rstrip(".") if lines else type(error).__name__
