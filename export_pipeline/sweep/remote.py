"""What a node of a Ray cluster does with a job, and what it is given for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from export_pipeline.sweep.door import DOOR, LIKE
from export_pipeline.sweep.jobs import REFUSED, WITH_PARENT, Job
from export_pipeline.sweep.processes import JOB, LOG, ROOT, THREADS
from export_pipeline.sweep.store import STORE


def threads_of(parallel: int | None, processors: Sequence[int]) -> int:
    """Threads of each job, which are as many of Ray's CPUs: the most with which *parallel* have room at a time."""
    if parallel is None:
        return 1
    return next((n for n in range(max(processors, default=1), 1, -1) if sum(p // n for p in processors) >= parallel), 1)


def order(
    job: Job, door: Path, url: str | None, threads: int, here: bool
) -> tuple[list[str], dict[str, str], str, dict[str, str], str]:
    """What a task is given to do *job*, whose folder and *door* all nodes see, or else hand on by the *url*.

    Args:
        here: only this machine is asked, and has this package where it lies.

    Returns:
        The words after ``python -m export_pipeline.sweep``, texts by name to be written before, the file that what
        libraries print goes to, more variables of the environment, and what is prepended to the path of Python.
    """
    environment = {**dict.fromkeys(THREADS, str(threads)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = ROOT if here else ""
    if url is None:
        words = [str(job.folder / JOB), WITH_PARENT, LIKE, str(door)]
        return words, {}, str(job.folder / LOG), environment, root
    log = f"{job.folder.name}/{LOG}"
    files = {JOB: (job.folder / JOB).read_text("utf-8"), DOOR: door.read_text("utf-8"), log: ""}
    return [JOB, WITH_PARENT, LIKE, DOOR, STORE, url], files, log, environment, root


def task() -> Callable[..., Iterator[tuple[Any, ...]]]:
    """What a node does with a job: run it in a process, and pass on what that tells, and what it ended with.

    It is given what :func:`order` gives. The process works in a new folder, where relative paths begin. Its standard
    input ends with this task, however that ends, and the process with its standard input.

    It is defined in a function so that Ray sends its code. Defined beside it, only its name would go: a node without
    this package, or with another version, could not even say so.
    """
    refused = REFUSED

    def attempt(*given: Any) -> Iterator[tuple[Any, ...]]:
        import ray

        yield "node", ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address()
        try:
            yield from told(*given)
        except OSError as error:  # a machine that cannot do even that is none for any job
            yield "line", f"it cannot use {error.filename or 'its disk'}: {error.strerror or error}"
            yield "end", refused

    def told(
        words: list[str], files: dict[str, str], log: str, environment: dict[str, str], root: str
    ) -> Iterator[tuple[Any, ...]]:
        import os
        import subprocess
        import sys
        import tempfile
        from pathlib import Path

        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        with tempfile.TemporaryDirectory(prefix="export-pipeline-", ignore_cleanup_errors=True) as here:
            for name, text in files.items():
                (Path(here) / name).parent.mkdir(exist_ok=True)
                (Path(here) / name).write_text(text, encoding="utf-8")
            said = Path(here) / log
            if not said.parent.is_dir():
                yield "line", f"it does not see {said.parent}; the output folder must be one that all nodes share"
                yield "end", refused
                return
            with (
                said.open("a", encoding="utf-8") as stream,
                subprocess.Popen(
                    [sys.executable, "-m", "export_pipeline.sweep", *words],
                    cwd=here,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    text=True,
                    env={**os.environ, **environment, "PYTHONPATH": path},
                ) as process,
            ):
                assert process.stdout
                for line in process.stdout:
                    yield "line", line.strip()
                code = process.wait()
            if code == 1:  # what Python ends with when it cannot even import what runs the job
                why = said.read_text("utf-8", "replace").strip() or "its Python cannot begin"
                yield "line", why.splitlines()[-1]
            yield "end", code

    return attempt
