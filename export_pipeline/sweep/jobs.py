"""Jobs: what one process of a sweep does. A job is written down as JSON, and its result lies in its folder.

It is all that a machine needs to know, beside the files that its recipe names: a cluster can run the jobs of a sweep
in any order in which shared stages come before the points that begin with them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from export_pipeline.base.console import Console
from export_pipeline.base.files import locked, write_text
from export_pipeline.errors import OutputError, UsageError
from export_pipeline.pipeline import opened
from export_pipeline.recipe import Recipe
from export_pipeline.sweep.point import BUILD, RESULT, Listeners, run_point
from export_pipeline.sweep.stages import begin_with
from export_pipeline.work.folder import work_folder

WITH_PARENT = "--with-parent"
DONE = "done"
# What the process of a job ends with when a check of its recipe failed. 1 is what Python ends with by itself, when
# it cannot even import what runs the job.
CHECK_FAILED = 4
# .. and where it may not run on its machine: see door.py.
REFUSED = 5
# .. where the store could not be reached for a while: see store.py.
STORE_LOST = 6
# A process that was given up, for its machine could not be reached any more, may be at work for a while yet.
PATIENCE_SECONDS = 90


class Job(BaseModel):
    """A point, or a stage that points share. Paths are those of the machine that runs it.

    ``after`` is the folder of the shared stage that it begins with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["train", "prune", "point"]
    label: str
    recipe: dict[str, Any]
    relative_to: Path
    folder: Path
    after: Path | None = None

    @property
    def finished(self) -> bool:
        """Whether it has been done, at any time."""
        return (self.folder / (RESULT if self.kind == "point" else DONE)).is_file()

    @property
    def shared(self) -> Path | None:
        """Work folder of the build that it begins with."""
        return work_folder(self.after / BUILD) if self.after else None


def run_job(job: Job) -> None:
    """Do the job, telling on standard error how it goes."""
    _wait_for(work_folder(job.folder / BUILD))
    with Console() as console:
        listeners: Listeners = {"say": console.say, "on_step": console.step}
        if job.kind == "point":
            run_point(
                json.dumps(job.recipe), job.folder, relative_to=job.relative_to, shared=job.shared, listeners=listeners
            )
        else:
            _run_stage(job, listeners)


def _wait_for(work: Path) -> None:
    """Wait until nobody else is at work in *work*."""
    for _ in range(PATIENCE_SECONDS):
        try:
            with locked(work, "build"):
                return
        except UsageError:
            time.sleep(1)
    raise OutputError(
        f"another process has been at work in {work} for {PATIENCE_SECONDS} s; end it, and give the command again"
    )


def _run_stage(job: Job, listeners: Listeners) -> None:
    recipe = Recipe.parse(job.recipe, folder=job.relative_to)
    with opened(recipe, job.folder / BUILD, **listeners) as pipeline:
        if job.shared is not None:
            begin_with(pipeline.task, pipeline.work, job.shared)
        trained = pipeline.train()
        if job.kind == "prune":
            pipeline.compress(trained, last="prune")
        write_text(job.folder / DONE, trained.checkpoint.sha256 + "\n")
