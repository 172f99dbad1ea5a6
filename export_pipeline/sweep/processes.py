"""Jobs in parallel, each in a fresh process with its share of the processors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from export_pipeline.base.cores import cores
from export_pipeline.base.files import write_text
from export_pipeline.errors import PipelineError
from export_pipeline.sweep.jobs import CHECK_FAILED, WITH_PARENT, Job

# What TensorFlow and the numeric libraries below NumPy read when they start.
THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

ROOT = str(Path(__file__).parents[2])  # where this package is imported from
JOB, LOG = "job.json", "log.txt"  # in the folder of a job


@dataclass(frozen=True)
class Failure:
    """Why a job did not end well.

    ``how`` is ``failed`` for a check of its recipe, ``refused`` for what the recipe says or names, ``lost`` with the
    machine that it was on, and ``broken`` by anything else. Only what is lost may end well when it is begun again.
    """

    reason: str
    how: Literal["failed", "refused", "lost", "broken"]


# How a job ended, by what its process ended with.
ENDS: Mapping[int, Literal["failed", "refused"]] = {CHECK_FAILED: "failed", PipelineError.exit_code: "refused"}


class RunJobs(Protocol):
    """What runs jobs, here or elsewhere; those that were finished earlier are not run again.

    It is given the jobs, how many may be at work at a time (``None``: as many as there are processors for), and what
    is told a line at each step. It gives the failures, by folder of the job. What a job makes lies in its folder here.
    """

    def __call__(self, jobs: Sequence[Job], parallel: int | None, say: Callable[[str], None], /) -> dict[Path, Failure]:
        """Run *jobs* to their ends."""


# Entered when all points have been checked, and left before anything is measured.
Engine = AbstractContextManager[RunJobs]


def run_jobs(jobs: Sequence[Job], parallel: int | None, say: Callable[[str], None]) -> dict[Path, Failure]:
    """Run *jobs* in processes of this machine: see :class:`RunJobs`."""
    waiting = [job for job in jobs if not job.finished]
    if not waiting:
        return {}
    pool = _Pool(min(parallel or cores(), len(waiting)), len(waiting), say)
    with ThreadPoolExecutor(pool.parallel) as threads:
        try:
            outcomes = list(threads.map(pool.run, waiting))
        except BaseException:
            pool.stop()
            raise
    return {job.folder: outcome for job, outcome in zip(waiting, outcomes, strict=True) if outcome}


class _Pool:
    """The processes that run now."""

    def __init__(self, parallel: int, jobs: int, say: Callable[[str], None]) -> None:
        self.parallel, self._jobs, self._say = parallel, jobs, say
        self._lock, self._running, self._stopped, self._ended = threading.Lock(), set[subprocess.Popen[str]](), False, 0

    def run(self, job: Job) -> Failure | None:
        """Run one job to its end, passing on what it tells."""
        begun, last = time.monotonic(), ""
        write_text(job.folder / JOB, job.model_dump_json(indent=1) + "\n")
        with (job.folder / LOG).open("w", encoding="utf-8") as log:
            with self._lock:
                if self._stopped:
                    return Failure("the sweep was stopped", "broken")
                process = self._started(job, log.fileno())
            assert process.stdout
            for line in process.stdout:
                last = line.strip()
                self._tell(f"{job.label}: {last}")
            code = process.wait()
        with self._lock:
            self._running.discard(process)
            self._ended += 1
        outcome = outcome_of(code, last, job)
        self._tell(
            f"[{self._ended}/{self._jobs}] {job.label}: {outcome.how if outcome else 'done'}"
            f" after {time.monotonic() - begun:.0f} s"
        )
        return outcome

    def stop(self) -> None:
        """End every process, and start none any more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _started(self, job: Job, log: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "export_pipeline.sweep", str(job.folder / JOB), WITH_PARENT]
        share = str(max(1, cores() // self.parallel))
        path = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, **dict.fromkeys(THREADS, share), "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        self._running.add(process)
        return process

    def _tell(self, line: str) -> None:
        with self._lock:
            self._say(line)


def outcome_of(code: int, last: str, job: Job) -> Failure | None:
    """What came of the process of *job* that ended with *code* and told *last* at its end."""
    if code == 0:
        return None
    if code < 0:
        name = signal.Signals(-code).name
        return Failure(f"its process was ended by {name}; {job.folder.name}/{LOG} may say more", "broken")
    return Failure(last or f"its process ended with code {code}", ENDS.get(code, "broken"))
