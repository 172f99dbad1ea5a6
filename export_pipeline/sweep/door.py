"""Whether a machine may run a job of a sweep: it must make of it what the machine would that the sweep is of.

A result goes by a hash of all that determines it, which is taken where the sweep was started. A machine with another
Python, other libraries, another version of this package, or other photographs under the same names would leave
something else under that hash.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from export_pipeline.base.files import write_text
from export_pipeline.errors import PipelineError
from export_pipeline.recipe import Recipe
from export_pipeline.stage_adapters import checked_task
from export_pipeline.sweep.jobs import Job
from export_pipeline.sweep.stages import keys_of, made_by

LIKE = "--like"
DOOR = "door.json"
PERMISSION = "the user that Ray runs as there must read and write the output folder"


def write_door(path: Path) -> None:
    """Write to *path* what this machine makes points by, for others to be held against."""
    write_text(path, json.dumps(_here(), indent=1, sort_keys=True) + "\n")


def refusal(job: Path, like: Path) -> str:
    """Why this machine may not run the job in the file *job*: empty if it may.

    Args:
        job: a job as JSON.
        like: what :func:`write_door` wrote on the machine where the sweep was started.
    """
    try:
        wanted, about = (path.read_text(encoding="utf-8") for path in (like, job))
    except FileNotFoundError as error:
        return f"it does not see {error.filename}; the output folder must be one that all nodes share"
    except OSError as error:
        return f"it cannot read {error.filename}: {error.strerror}; {PERMISSION}"
    if not os.access(job.parent, os.W_OK | os.X_OK):
        return f"it may not write to {job.parent}; {PERMISSION}"
    # A job of another version may be in another form: it is read when that is known to be the same.
    return _differing(_here(), json.loads(wanted)) or _other_inputs(Job.model_validate_json(about))


def _here() -> dict[str, str]:
    return {"Python": ".".join(map(str, sys.version_info[:2])), **made_by()}


def _differing(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What differs in words: versions by name, and how many files of our own."""
    names = [name for name in sorted({**found, **wanted}) if found.get(name) != wanted.get(name)]
    ours = [name for name in names if name.endswith((".py", ".weights"))]
    versions = [
        f"{name} is {found.get(name, 'unknown')} there and {wanted.get(name, 'unknown')} here"
        for name in names
        if name not in ours
    ]
    files = [f"export_pipeline has other contents there in {len(ours)} of its files, such as {ours[0]}"] if ours else []
    return "; ".join((*versions, *files))


def _other_inputs(job: Job) -> str:
    """Whether what the recipe of *job* names has other contents on this machine; its folder goes by a hash of them."""
    try:
        keys = keys_of(checked_task(Recipe.parse(job.recipe, folder=job.relative_to)), job.recipe)
    except (PipelineError, OSError) as error:
        return f"what the recipe names cannot be read there: {error}"
    if job.folder.name.rpartition("-")[2] in keys:
        return ""
    return "files that the recipe names (photographs, styles, weights, masks) have other contents there"
