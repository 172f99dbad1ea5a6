"""What an interrupted distillation goes on from: the variables of its students, and the log of their errors."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from export_pipeline.base.files import write_text, written_aside
from export_pipeline.errors import CheckpointError
from export_pipeline.recipe.distill import DistillRecipe

UNDECIDED = ("name", "checkpoint_every", "bits")  # of a recipe, with which the weights do not change
FILE = "state.npz"
VERSION = 2
LOG = "log.jsonl"

Log = list[dict[str, Any]]


@dataclass(frozen=True)
class State:
    """The newest state of a distillation in its folder of unfinished work.

    Attributes:
        folder: where it lies.
        recipe: of the distillation.
        images: SHA-256 of what it is trained on.
        start, decoders: SHA-256 of the network that it goes on from, and of the decoders; empty where there are none.
    """

    folder: Path
    recipe: DistillRecipe
    images: str
    start: str = ""
    decoders: str = ""

    @property
    def path(self) -> Path:
        """The file of the variables."""
        return self.folder / FILE

    def log(self) -> Log:
        """The errors by step, as of the newest state."""
        path = self.folder / LOG
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def save(self, step: int, variables: Sequence[Any], log: Log) -> None:
        """Write the *variables* of *step* and the *log* up to it."""
        write_text(self.folder / LOG, "".join(json.dumps(row) + "\n" for row in log))
        arrays: dict[str, Any] = {f"{index:04d}": variable.numpy() for index, variable in enumerate(variables)}
        about: dict[str, Any] = {"version": VERSION, "step": step, **self._sources}
        with written_aside(self.path) as aside:
            np.savez(aside, recipe=self.recipe.model_dump_json(exclude=set(UNDECIDED)), **about, **arrays)

    def restore(self, variables: Sequence[Any]) -> int:
        """Assign the newest state to *variables*; the steps that it has, 0 where there is none.

        Raises:
            CheckpointError: it is damaged, or of another recipe, other images, another start, other decoders or another
                version.
        """
        if not self.path.is_file():
            return 0
        arrays, recipe, sources, step = self._read(len(variables))
        there, here = recipe.model_dump(), self.recipe.model_dump()
        if changed := [key for key, value in here.items() if key not in UNDECIDED and there[key] != value]:
            raise CheckpointError(
                f"{self.path} is of another recipe, which differs in {', '.join(changed)}.\n"
                "Use that recipe, another output, or --fresh."
            )
        if changed := [name for name, value in self._sources.items() if sources[name] != value]:
            raise CheckpointError(
                f"{self.path} was trained with other {' and '.join(changed)}. Use those, another output, or --fresh."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return step

    @property
    def _sources(self) -> dict[str, str]:
        return {"images": self.images, "start": self.start, "decoders": self.decoders}

    def _read(self, count: int) -> tuple[list[np.ndarray], DistillRecipe, dict[str, str], int]:
        """The *count* arrays of the file, its recipe, the hashes of what it was made from, and its steps."""
        other_version = f"{self.path} is of another version of export-pipeline. Start over with --fresh."
        try:
            with np.load(self.path, allow_pickle=False) as data:
                if "version" not in data or int(data["version"]) != VERSION:
                    raise CheckpointError(other_version)
                arrays = [data[f"{index:04d}"] for index in range(count)]
                # What a recipe of before could not say has its default.
                recipe = DistillRecipe.model_validate_json(str(data["recipe"]))
                sources = {name: str(data[name]) if name in data else "" for name in self._sources}
                return arrays, recipe, sources, int(data["step"])
        except ValidationError as error:
            raise CheckpointError(other_version) from error
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise CheckpointError(f"{self.path} is damaged: {error}. Start over with --fresh.") from error
