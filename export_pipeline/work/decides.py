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

    *task* must be opened by ``opened_task``, so that its network is known.

    Raises:
        WeightsError: a file of weights that the recipe names is not there.
    """
    keys, sources = keys_of(task.recipe), sources_of(task)
    held = _hashes(task.validation_sources())
    return {
        "train": {**keys["train"], **sources["train"]},
        "compress": {**keys["compress"], **sources["compress"]},
        "export": {**keys["export"], CODE: _export_code()},
        "verify": {**keys["verify"], **held, CODE: _code()},
        "report": keys["report"],
    }


def keys_of(recipe: Recipe) -> dict[str, Decides]:
    """The keys of *recipe* that decide each stage, by stage."""
    train = _flat("", _dumped(recipe, "seed", "task", "model", "train"))
    compress = _flat("", _dumped(recipe, "compress"))
    if _measures(recipe):
        size = {f"export.{key}": getattr(recipe.export, key) for key in ("height", "width")}
        compress |= {**size, "verify.images": recipe.verify.images}
    return {
        "train": _without(train, "train.checkpoint_every"),
        "compress": compress,
        "export": _flat("", _dumped(recipe, "name", "about", "export")),
        "verify": _flat("", _dumped(recipe, "verify")),
        "report": _flat("", _dumped(recipe, "report")),
    }


def sources_of(task: Task) -> dict[str, dict[str, str]]:
    """Hashes of what the files hold that *task* is trained and compressed by, by stage."""
    recipe, plan = task.recipe, task.recipe.compress.plan
    compress = _hashes(task.validation_sources()) if _measures(recipe) else {}
    if plan and recipe.path(plan).is_file():  # the verb that makes one does without
        compress[f"{HASHED}{plan}"] = sha256_of(recipe.path(plan))
    return {"train": _hashes(task.training_sources()), "compress": compress}


def _measures(recipe: Recipe) -> bool:
    """Whether compression looks at samples: structured pruning ends by what the pictures of them are like."""
    return bool(recipe.compress.structured.blocks or recipe.compress.structured.rounds)


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


def _hashes(sources: Mapping[str, Any]) -> dict[str, str]:
    return {f"{HASHED}{name}": _hash(value) for name, value in sources.items()}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
