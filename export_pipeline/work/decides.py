"""What decides each stage of a build: keys of the recipe, contents of the files that it names, and our own code."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export_pipeline.base.files import sha256_of
from export_pipeline.export import state
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import Task
from export_pipeline.work import HASHED, Decides
from export_pipeline.work.defaults import leaves

CODE = f"{HASHED}our own code and the libraries"
_PACKAGE = Path(__file__).parents[1]
# What only talks to people, and jobs that no bundle comes by.
_BESIDE = ("__main__.py", "__pycache__", "apps", "cli.py", "distill", "gatys", "sweep", "verbs", "work")


def decides(task: Task) -> dict[str, Decides]:
    """What decides each stage beside what decides those before it, by stage.

    *task* must be a ``checked_task``, so that its network is known.

    Raises:
        WeightsError: a file of weights that the recipe names is not there.
    """
    recipe = task.recipe
    structured, plan = recipe.compress.structured, recipe.compress.plan
    held = _hashes(task.validation_sources())
    train = _flat("", _dumped(recipe, "seed", "task", "model", "train"))
    compress = _flat("", _dumped(recipe, "compress"))
    if plan and recipe.path(plan).is_file():  # the verb that makes one does without
        compress[f"{HASHED}{plan}"] = sha256_of(recipe.path(plan))
    if structured.blocks or structured.rounds:  # the rounds end by what the pictures of these samples are like
        size = {f"export.{key}": getattr(recipe.export, key) for key in ("height", "width")}
        compress |= {**size, "verify.images": recipe.verify.images, **held}
    export = {**_flat("", _dumped(recipe, "name", "about", "export")), CODE: _export_code()}
    verify = {**_flat("", _dumped(recipe, "verify")), **held, CODE: _code()}
    return {
        "train": {**_without(train, "train.checkpoint_every"), **_hashes(task.training_sources())},
        "compress": compress,
        "export": export,
        "verify": verify,
        "report": _flat("", _dumped(recipe, "report")),
    }


def made_from(task: Task) -> str:
    """A hash of all that decides the bundle of *task*."""
    return _hash(decides(task))


@functools.cache
def _export_code() -> str:
    """Of what an exported file comes by."""
    return _hash(state.code(*state.SOURCES))


@functools.cache
def _code() -> str:
    """Of all of the package that a bundle comes by, and of the versions of the libraries."""
    from export_pipeline.report.machine import libraries

    sources = sorted(path for path in _PACKAGE.iterdir() if path.name not in _BESIDE)
    return _hash({**libraries(), **state.code(*sources)})


def _dumped(recipe: Recipe, *names: str) -> dict[str, Any]:
    return recipe.model_dump(mode="json", include=set(names))


def _flat(prefix: str, value: Any) -> Decides:
    return dict(leaves(prefix, value))


def _without(found: Decides, *keys: str) -> Decides:
    return {key: value for key, value in found.items() if key not in keys}


def _hashes(sources: Mapping[str, Any]) -> Decides:
    return {f"{HASHED}{name}": _hash(value) for name, value in sources.items()}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
