"""What points have in common: the stages that their recipes agree on, which are built once.

A stage goes by a hash of all that determines it, and that hash names its folder. Points whose recipes differ only
in what comes later find the finished stage there and begin with it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_pipeline.base.files import sha256_of, written_aside
from export_pipeline.export import state
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import Task

# Tables and keys of a recipe that decide how the network is trained.
TRAINING = ("seed", "model", "train")
# Keys of [compress] that act on what pruning has left.
AFTER_PRUNING = ("bits", "plan", "weight_bytes", "cluster", "quantize_aware", "quantize")
# What decides the metrics that end the rounds of structured pruning; tolerances do not.
JUDGED = {"export": ("height", "width")}
NOT_JUDGED = ("min_psnr", "judge")
# Our own code decides, beside its recipe, what a training, a pruning or a point comes to. All of the package counts
# but the folders and files named here, so that a file that is new or that moved is never forgotten.
_PACKAGE = Path(__file__).parents[1]
# What only talks to people, and jobs that no point comes by. A sweep itself only arranges what its points have made.
BESIDE = ("__main__.py", "apps", "cli.py", "diff", "distill", "gatys", "sweep", "verbs")
# What a pruned network has not been through yet, and then what a trained one has not.
LATER = ("bundle.py", "emulator", "export", "formats", "pipeline.py", "report", "verify", "work")
COMPRESSING = ("compress", "stage_adapters.py")


def _all_but(*names: str) -> tuple[Path, ...]:
    """What lies in the package, without *names*."""
    return tuple(sorted(path for path in _PACKAGE.iterdir() if path.name not in (*names, "__pycache__")))


TRAINED_BY = _all_but(*BESIDE, *LATER, *COMPRESSING)
PRUNED_BY = _all_but(*BESIDE, *LATER)
MADE_BY = (*_all_but(*BESIDE), *(Path(__file__).with_name(name) for name in ("model.py", "point.py", "stages.py")))


@dataclass(frozen=True)
class Stage:
    """One stage that points may share, and the data of a recipe that ends with it."""

    kind: str
    key: str
    data: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """Name of its folder in the work folder of the sweep."""
        return f"{self.kind}-{self.key}"


def stages_of(task: Task, data: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages that a point of *task*, its recipe written as *data*, may share with others, in order.

    *task* must be a ``checked_task``, so that its network is known.
    """
    recipe, inputs = task.recipe, task.training_sources()
    training = {name: data[name] for name in ("name", "task", *TRAINING) if name in data}
    trained = Stage("train", _hash(_code(*TRAINED_BY), inputs, _dumped(recipe, TRAINING)), training)
    structured = recipe.compress.structured
    rounds = structured.blocks or structured.rounds
    if not (recipe.compress.prunes or rounds):
        return (trained,)
    decides = recipe.compress.model_dump(mode="json", exclude=set(AFTER_PRUNING))
    left = {key: value for key, value in data.get("compress", {}).items() if key not in AFTER_PRUNING}
    pruning = {**training, "compress": left, **(_judged(data) if rounds else {})}
    judge = {**_judged(recipe.model_dump(mode="json")), **task.validation_sources()} if rounds else {}
    key = _hash(_code(*PRUNED_BY), inputs, _dumped(recipe, TRAINING), decides, judge)
    return trained, Stage("prune", key, pruning)


def _judged(data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a recipe as *data*, what decides the metrics of a network beside the network."""
    kept = {table: {k: v for k, v in data.get(table, {}).items() if k in keys} for table, keys in JUDGED.items()}
    return {**kept, "verify": {k: v for k, v in data.get("verify", {}).items() if k not in NOT_JUDGED}}


def shared(points: Mapping[str, tuple[Stage, ...]]) -> dict[str, tuple[Stage, ...]]:
    """The stages of each point, by its key, without those that only one other stage or point begins with.

    A process of its own pays only for what is used twice; else who needs a stage runs it.
    """
    left = dict(points)
    for depth in reversed(range(max(map(len, left.values()), default=0))):
        users: dict[str, set[str]] = {}
        for key, stages in left.items():
            if len(stages) > depth:
                users.setdefault(stages[depth].key, set()).add((*(stage.key for stage in stages), key)[depth + 1])
        left = {
            key: tuple(s for at, s in enumerate(stages) if at != depth or len(users[s.key]) > 1)
            for key, stages in left.items()
        }
    return left


def point_key(task: Task) -> str:
    """Hash of all that determines a point: its recipe, the files that this names, libraries and our own code.

    Raises:
        WeightsError: a file of weights that it names is not there.
    """
    recipe = task.recipe
    plan = recipe.compress.plan
    written = {"plan": plan and sha256_of(recipe.path(plan))}
    inputs = {**task.training_sources(), **task.validation_sources()}
    return _hash(_code(*MADE_BY), inputs, recipe.model_dump(mode="json"), written)


def made_by() -> dict[str, str]:
    """All that makes points on a machine beside the job: versions, and the hash of each file of this package."""
    return _code(*_all_but())


def keys_of(task: Task, data: Mapping[str, Any]) -> set[str]:
    """The keys that a point or a stage of *task*, its recipe written as *data*, goes by on this machine.

    Raises:
        PipelineError: what the recipe names cannot be read here.
    """
    return {point_key(task), *(stage.key for stage in stages_of(task, data))}


def begin_with(task: Task, work: Path, finished: Path) -> None:
    """Give the build of *task* whose work folder is *work* the stages that the one in *finished* has finished.

    They are the folders of checkpoints: one for each phase of the training, and that of the compress stage. Files are
    linked, not copied: a checkpoint under its final name is never written to again.
    """
    for name in (*(phase.part for phase in task.phases()), "compress"):
        source, here = finished / name, work / name
        if source.is_dir() and not here.exists():
            with written_aside(here) as aside:
                shutil.copytree(source, aside, copy_function=os.link)


@functools.cache
def _code(*sources: Path) -> dict[str, str]:
    """What the export stage holds against a file that it finds, of *sources*, and the libraries that judge it."""
    from export_pipeline.report.machine import libraries

    return {**libraries(), **state.code(*sources)}


def _dumped(recipe: Recipe, names: tuple[str, ...]) -> dict[str, Any]:
    return recipe.model_dump(mode="json", include=set(names))


def _hash(*parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
