"""Checkpoints: one safetensors file with the weights, the optimizer and the recipe that made them.

A checkpoint carries its recipe, so a network's arguments are never retyped; it is written whole or not at
all, so a run killed at any moment goes on from the last one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from export_pipeline.base.files import sha256, write_bytes
from export_pipeline.errors import CheckpointError
from export_pipeline.recipe import Recipe, RecordedRecipe
from export_pipeline.recipe.compress import PRUNING, CompressTable

KEPT = 2
HASH = "_sha256"  # at the end of the name of each hash of what a training learns from
# What may differ between a checkpoint and the recipe that resumes it: how often it is saved, and how long it trains;
# a run made longer or shorter goes on with the learning rates of its new length. The steps of another part may not:
# this part began with what that one left.
_STEPS_OF = {"train": "train", "prune": "compress"}
# Keys of [compress] that decide what a part of it does: those of the parts after it may differ. In a phase of the
# training, which comes before all of them, none does.
_LAST = ("quantize_aware", "quantize")
_DECIDING: dict[str, tuple[str, ...]] = {
    "structured": ("structured",),
    "prune": ("structured", "schedule", "skip", *PRUNING),
    "cluster": tuple(key for key in CompressTable.model_fields if key not in _LAST),
    "quantize": tuple(CompressTable.model_fields),
}


class CheckpointInfo(BaseModel):
    """Where a checkpoint comes from. ``losses`` are the means since the checkpoint before.

    Further keys, which end in ``_sha256``, are the hashes of what it was trained on: the fingerprint of the task's
    objective.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, str | None] = Field(init=False)

    format: int = 1
    stage: str
    step: int = Field(ge=0)
    recipe: RecordedRecipe
    parent_sha256: str | None = Field(None, description="of the checkpoint that this run started from")
    bits: dict[str, int] = Field(default_factory=dict, description="of the tables that this run trains, by layer")
    losses: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _only_hashes(self) -> Self:
        for name in self.fingerprint:
            if not name.endswith(HASH):
                raise ValueError(f"unknown key {name!r}; the hash of what is trained on ends in {HASH}")
        return self

    @property
    def fingerprint(self) -> dict[str, str | None]:
        """The hashes of what it was trained on; ``None`` in a checkpoint that was written without one."""
        return dict(self.__pydantic_extra__)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file and what it says of itself."""

    path: Path
    info: CheckpointInfo
    sha256: str

    @classmethod
    def open(cls, path: Path | str) -> Checkpoint:
        """Read what the file says of itself, not its tensors.

        Raises:
            CheckpointError: it is missing, truncated, or not a checkpoint of this project.
        """
        path = Path(path)
        metadata = _load(path)[1]
        try:
            return cls(path, CheckpointInfo.model_validate_json(metadata["checkpoint"]), sha256(path))
        except (KeyError, ValidationError) as error:
            raise CheckpointError(
                f"{path} is a safetensors file, but not a checkpoint of this project.\n"
                "Name one that a training has written, such as the checkpoint.safetensors of a bundle."
            ) from error

    def restore(self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None) -> None:
        """Assign the tensors to variables, in the order of :func:`save`."""
        tensors = _load(self.path)[0]
        for group, variables in (("model", weights), ("optimizer", optimizer)):
            if variables is None:
                continue
            names = sorted(name for name in tensors if name.startswith(f"{group}."))
            shapes = [tensors[name].shape for name in names]
            if shapes != [tuple(v.shape) for v in variables]:
                where = _first_apart(shapes, variables)
                raise CheckpointError(
                    f"{self.path} was made by another network: its {group} tensors do not fit{where}.\n"
                    "Give a checkpoint of this network; one that an earlier version made must be trained anew."
                )
            for name, variable in zip(names, variables, strict=True):
                variable.assign(tensors[name])


def _first_apart(shapes: Sequence[tuple[int, ...]], variables: Sequence[Any]) -> str:
    """The first of *variables* that has not the shape of its tensor, in words; nothing where their numbers differ."""
    if len(shapes) != len(variables):
        return f", {len(shapes)} for {len(variables)}"
    shape, variable = next(pair for pair in zip(shapes, variables, strict=True) if pair[0] != tuple(pair[1].shape))
    return f", {shape} for {tuple(variable.shape)} of {variable.name.split(':')[0]}"


def save(path: Path, info: CheckpointInfo, weights: Sequence[Any], optimizer: Sequence[Any] = ()) -> Checkpoint:
    """Write a checkpoint; equal contents give equal bytes."""
    from safetensors.numpy import save as to_bytes

    groups = {"model": weights, "optimizer": optimizer}
    tensors = {
        f"{group}.{index:04d}": np.asarray(variable.numpy())
        for group, all_ in groups.items()
        for index, variable in enumerate(all_)
    }
    # One metadata key: the writer does not keep the order of several.
    write_bytes(path, to_bytes(tensors, metadata={"checkpoint": info.model_dump_json()}))
    return Checkpoint(path, info, sha256(path))


def _load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot read checkpoint {path}: {_unreadable(path)}. Name a whole checkpoint file, such as the "
            "checkpoint.safetensors of a bundle."
        ) from error


def _unreadable(path: Path) -> str:
    """Why a file is no checkpoint, in words that a library's do not say."""
    if not path.exists():
        return "it does not exist"
    if path.is_dir():
        return "it is a folder"
    if not os.access(path, os.R_OK):
        return "it may not be read"
    if path.suffix not in ("", ".safetensors"):
        return f"it is a {path.suffix} file, and weights are read from a .safetensors file that a training has written"
    return "it is truncated, or no safetensors file"


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoints of one run: ``step-00000100.safetensors`` and so on, the newest :data:`KEPT` of them."""

    folder: Path

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint, or ``None``."""
        paths = sorted(self.folder.glob("step-*.safetensors"))
        return Checkpoint.open(paths[-1]) if paths else None

    def save(self, info: CheckpointInfo, weights: Sequence[Any], optimizer: Sequence[Any]) -> Checkpoint:
        """Write the next checkpoint, then drop the ones that are too old."""
        made = save(self.folder / f"step-{info.step:08d}.safetensors", info, weights, optimizer)
        for path in sorted(self.folder.glob("step-*.safetensors"))[:-KEPT]:
            path.unlink()
        return made


def _deciding_keys(stage: str) -> tuple[str, ...]:
    """Keys of ``[compress]`` that decide the outcome of *stage*."""
    return _DECIDING.get(stage.split("-")[0], ())


def deciding(recipe: Recipe, stage: str) -> Recipe:
    """*recipe* with only what decides the outcome of *stage*; the rest is as if it had been left out.

    Equal runs give equal checkpoints, and the hash of a checkpoint goes into every file that is made from it.
    """
    plain, kept = CompressTable(), _deciding_keys(stage)
    later = {key: getattr(plain, key) for key in CompressTable.model_fields if key not in kept}
    decides = recipe.without("about", "export", "verify", "report")
    return decides.model_copy(update={"compress": recipe.compress.model_copy(update=later)})


def run_key(info: CheckpointInfo) -> str:
    """What tells a run from every other: a hash of all that decides its outcome."""
    tables = {
        "model": info.recipe.model.model_dump(mode="json"),
        "train": info.recipe.train.model_dump(mode="json", exclude={"checkpoint_every"}),
        "compress": info.recipe.compress.model_dump(mode="json", include=set(_deciding_keys(info.stage))),
    }
    about = [info.stage, info.recipe.seed, info.parent_sha256, info.fingerprint, info.bits, tables]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def decided_by(part: str, keys: Iterable[str]) -> bool:
    """Whether one of *keys* of ``[compress]`` decides the outcome of *part* of it."""
    return bool(set(_deciding_keys(part)) & set(keys))


def differences_of_runs(found: Checkpoint, wanted: CheckpointInfo) -> list[str]:
    """In what the run that made *found* is not the one that is *wanted*, in words; nothing where it is."""
    differences = []
    if found.info.stage != wanted.stage:
        differences.append(f"its stage is {found.info.stage}, not {wanted.stage}")
    for name, value in wanted.fingerprint.items():
        if found.info.fingerprint.get(name) not in (None, value):
            differences.append(f"the hash of its {name.removesuffix(HASH).replace('_', ' ')} is another one")
    if found.info.parent_sha256 != wanted.parent_sha256:
        differences.append("it started from another checkpoint")
    tasks = (found.info.recipe.task, wanted.recipe.task)
    if tasks[0] != tasks[1]:  # whose tables have other keys
        differences.append(f"its task is {tasks[0]}, not {tasks[1]}")
    for table in ("model", "train", "compress") if tasks[0] == tasks[1] else ():
        free = {"checkpoint_every"} | ({"steps"} if _STEPS_OF.get(wanted.stage) == table else set())
        old, new = (getattr(info.recipe, table).model_dump() for info in (found.info, wanted))
        compared = _deciding_keys(wanted.stage) if table == "compress" else new
        changed = [key for key in compared if new[key] != old[key] and key not in free]
        differences += [f"{table}.{key} is {old[key]!r} there and {new[key]!r} here" for key in changed]
    if found.info.recipe.seed != wanted.recipe.seed:
        differences.append(f"seed is {found.info.recipe.seed} there and {wanted.recipe.seed} here")
    return differences


def require_same_run(found: Checkpoint, wanted: CheckpointInfo) -> None:
    """Refuse to resume *found* for a run that is not the one that made it.

    Raises:
        CheckpointError: it names each recipe value that differs.
    """
    if differences := differences_of_runs(found, wanted):
        raise CheckpointError(
            f"{found.path} was made by another recipe: {'; '.join(differences)}.\n"
            "Use that recipe, another output folder, or --fresh to start over."
        )
    _require_same_bits(found, wanted)


def differences_of_bits(found: Checkpoint, wanted: CheckpointInfo) -> str:
    """Which layers have tables of other widths in *found* than is *wanted*, in words."""
    old, new = found.info.bits, wanted.bits
    edited = [name for name in {**old, **new} if old.get(name) != new.get(name)] if old else []
    return ", ".join(f"{name} {old.get(name, 'no')} there and {new.get(name, 'no')} here" for name in edited)


def _require_same_bits(found: Checkpoint, wanted: CheckpointInfo) -> None:
    """Refuse to go on with tables of other widths: the recipe is the same, so that its plan has been edited."""
    plan = wanted.recipe.compress.plan
    if listed := differences_of_bits(found, wanted):
        raise CheckpointError(
            f"{found.path} was made before compress.plan ({plan}) was edited: bits of {listed}.\n"
            f"Undo the edit, delete {found.path.parent} to train the tables anew, or use --fresh to start over."
        )
