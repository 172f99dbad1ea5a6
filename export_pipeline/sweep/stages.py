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

from export_pipeline.base.files import sha256, written_aside
from export_pipeline.errors import WeightsError
from export_pipeline.export import state
from export_pipeline.recipe import BUILTIN, Recipe

# Tables and keys of a recipe that decide how the network is trained.
TRAINING = ("seed", "model", "train")
# Keys of [compress] that act on what pruning has left.
AFTER_PRUNING = ("bits", "plan", "weight_bytes", "cluster")
# What the judge looks at who ends the rounds of structured pruning.
JUDGED = {"export": ("height", "width"), "verify": ("images", "content")}
# Our own code decides, beside its recipe, what a training, a pruning or a point comes to. All of the package counts
# but the folders and files named here, so that a file that is new or that moved is never forgotten.
_PACKAGE = Path(__file__).parents[1]
# What only talks to people, and jobs that no point comes by. A sweep itself only arranges what its points have made.
BESIDE = ("__main__.py", "cli.py", "distill", "gatys", "sweep", "verbs")
# What a pruned network has not been through yet, and then what a trained one has not.
LATER = ("bundle.py", "emulator", "export", "formats", "pipeline.py", "report", "verify")
COMPRESSING = ("compress", "kmeans", "stage_adapters.py")


def _all_but(*names: str) -> tuple[Path, ...]:
    """The networks and what lies in the package, without *names*."""
    parts = sorted(path for path in _PACKAGE.iterdir() if path.name not in (*names, "__pycache__"))
    return (_PACKAGE.parent / "models", *parts)


TRAINED_BY = _all_but(*BESIDE, *LATER, *COMPRESSING)
PRUNED_BY = _all_but(*BESIDE, *LATER)
MADE_BY = (*_all_but(*BESIDE), *(Path(__file__).with_name(name) for name in ("model.py", "point.py", "stages.py")))
# Folders inside the work folder of a build that hold the checkpoints of finished stages, ready to go on from. A
# training that ends with a polish has a folder for that, too.
KEPT = ("train", "polish", "compress")


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


def stages_of(recipe: Recipe, data: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages that a point of *recipe*, written as *data*, may share with others, in order.

    *recipe* must be that of a ``checked_task``, so that its network is known.
    """
    inputs = _training_inputs(recipe)
    training = {name: data[name] for name in ("name", *TRAINING) if name in data}
    trained = Stage("train", _hash(_code(*TRAINED_BY), inputs, _dumped(recipe, TRAINING)), training)
    structured = recipe.compress.structured
    rounds = structured.blocks or structured.rounds
    if not (recipe.compress.prunes or rounds):
        return (trained,)
    decides = recipe.compress.model_dump(mode="json", exclude=set(AFTER_PRUNING))
    left = {key: value for key, value in data.get("compress", {}).items() if key not in AFTER_PRUNING}
    judged = {table: {k: v for k, v in data.get(table, {}).items() if k in keys} for table, keys in JUDGED.items()}
    pruning = {**training, "compress": left, **(judged if rounds else {})}
    seen = {table: getattr(recipe, table).model_dump(mode="json", include=set(keys)) for table, keys in JUDGED.items()}
    judge = {**seen, **_held_inputs(recipe)} if rounds else {}
    key = _hash(_code(*PRUNED_BY), inputs, _dumped(recipe, TRAINING), decides, judge)
    return trained, Stage("prune", key, pruning)


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


def point_key(recipe: Recipe) -> str:
    """Hash of all that determines a point: its recipe, the files that this names, libraries and our own code.

    Raises:
        WeightsError: the file of VGG-19's weights that it names is not there.
    """
    plan = recipe.compress.plan
    written = {"plan": plan and _sha256(recipe.path(plan))}
    inputs = {**_training_inputs(recipe), **_held_inputs(recipe)}
    return _hash(_code(*MADE_BY), inputs, recipe.model_dump(mode="json"), written)


def begin_with(work: Path, finished: Path) -> None:
    """Give the build whose work folder is *work* the stages that the one in *shared* has finished.

    Files are linked, not copied: a checkpoint under its final name is never written to again.
    """
    for name in KEPT:
        source, here = finished / name, work / name
        if source.is_dir() and not here.exists():
            with written_aside(here) as aside:
                shutil.copytree(source, aside, copy_function=os.link)


def _training_inputs(recipe: Recipe) -> dict[str, Any]:
    """What the files hold that a training of *recipe* reads: names may stand for other pixels or weights tomorrow."""
    from export_pipeline.base.files import names_sha256
    from export_pipeline.tasks.photographs import photographs

    training, _ = photographs(recipe)
    style, content, start = recipe.train.style, recipe.train.content, recipe.train.warm_start
    return {
        "style": _style_sha256(style if style == BUILTIN else recipe.path(style)),
        "photographs": names_sha256(training.names),
        "content": None if content == BUILTIN else _files_sha256(recipe.path(content)),
        "warm_start": start and _sha256(recipe.path(start)),
        "vgg_weights": _vgg_sha256(recipe),
    }


def _held_inputs(recipe: Recipe) -> dict[str, Any]:
    """The same of the photographs that a network of *recipe* is judged by."""
    from export_pipeline.base.files import names_sha256
    from export_pipeline.tasks.photographs import photographs

    _, held = photographs(recipe)
    content = recipe.verify.content
    return {"held": names_sha256(held.names), "verify.content": content and _files_sha256(recipe.path(content))}


def _files_sha256(folder: Path) -> dict[str, str]:
    """Of each image file in *folder* that may be read, by name. The bytes tell as much as the pixels, and sooner."""
    from export_pipeline.base.images import list_images

    return {path.name: _sha256(path) for path in list_images(folder) if os.access(path, os.R_OK)}


def _vgg_sha256(recipe: Recipe) -> str | None:
    """Of the file of VGG-19's weights that *recipe* names; the releases that it may do with instead never change."""
    from export_pipeline.perception.vgg_weights import KERAS_APPLICATIONS

    given = recipe.train.vgg_weights
    if given is None or given == KERAS_APPLICATIONS:
        return None
    path = recipe.path(given)
    if not path.is_file():
        raise WeightsError(f"no VGG-19 weights at {path}. Name an .h5 file of Keras or an .npz, or leave the key out.")
    return _sha256(path)


def _sha256(path: Path) -> str:
    """Of a file, which is read once for all points of a sweep, and again when it has been written to."""
    about = path.stat()
    return _sha256_as_of(path, about.st_ino, about.st_size, about.st_mtime_ns)


@functools.cache
def _sha256_as_of(path: Path, *_: int) -> str:
    return sha256(path)


@functools.cache
def _code(*sources: Path) -> dict[str, str]:
    """What the export stage holds against a file that it finds, of *sources*, and the libraries that judge it."""
    from export_pipeline.report.machine import libraries

    return {**libraries(), **state.code(*sources)}


@functools.cache
def _style_sha256(style: str | Path) -> str:
    """Of the pixels of a style image; the points of a sweep mostly have one."""
    from export_pipeline.base.images import load_image, pixels_sha256
    from export_pipeline.tasks.builtin import style_image

    return pixels_sha256(style_image() if style == BUILTIN else load_image(style))


def _dumped(recipe: Recipe, names: tuple[str, ...]) -> dict[str, Any]:
    return recipe.model_dump(mode="json", include=set(names))


def _hash(*parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
