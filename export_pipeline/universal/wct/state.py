"""What an interrupted training of decoders goes on from: finished decoders, and the variables of the one at work."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.files import write_text, written_aside
from export_pipeline.errors import CheckpointError
from export_pipeline.universal.wct.record import Training

DAMAGED = (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
Log = list[dict[str, Any]]


@dataclass(frozen=True)
class State:
    """The folder of unfinished work of a training."""

    folder: Path
    training: Training

    def begin(self) -> None:
        """Take the folder for this training.

        Raises:
            CheckpointError: what lies there is of another one.
        """
        path, text = self.folder / "training.json", self.training.model_dump_json(indent=1) + "\n"
        if path.is_file() and path.read_text() != text:
            raise CheckpointError(f"{path} is of another training. Give its arguments, another output, or --fresh.")
        write_text(path, text)

    def finished(self, tap: str) -> dict[str, np.ndarray] | None:
        """The arrays of the decoder of *tap*; ``None`` if it is not finished.

        Raises:
            CheckpointError: they are damaged.
        """
        path = self._path(f"{tap}.npz")
        return self._read(path) if path.is_file() else None

    def finish(self, tap: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep *arrays* as those of *tap*."""
        self._write(self._path(f"{tap}.npz"), arrays)

    def begun(self, tap: str) -> bool:
        """Whether there is a state of *tap* to restore."""
        return self._path(f"{tap}-state.npz").is_file()

    def restore(self, tap: str, variables: Sequence[Any]) -> int:
        """Assign the newest state of *tap* to *variables*; the steps that it has, 0 where there is none.

        Raises:
            CheckpointError: it is damaged.
        """
        path = self._path(f"{tap}-state.npz")
        if not self.begun(tap):
            return 0
        arrays = self._read(path)
        try:
            for index, variable in enumerate(variables):
                variable.assign(arrays[f"{index:04d}"])
            return int(arrays["step"])
        except DAMAGED as error:
            raise self._damaged(path, error) from error

    def save(self, tap: str, step: int, variables: Sequence[Any], log: Log) -> None:
        """Write the *variables* of *step* of *tap*, and the *log* up to it."""
        write_text(self._path(f"{tap}.jsonl"), "".join(json.dumps(row) + "\n" for row in log))
        arrays = {f"{index:04d}": variable.numpy() for index, variable in enumerate(variables)}
        self._write(self._path(f"{tap}-state.npz"), {**arrays, "step": np.array(step)})

    def log(self, tap: str, last: int | None = None) -> Log:
        """The losses of *tap* up to step *last*."""
        path = self._path(f"{tap}.jsonl")
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        return [row for row in rows if last is None or row["step"] <= last]

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        named: dict[str, Any] = dict(arrays)
        with written_aside(path) as aside:
            np.savez(aside, **named)

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        try:
            with np.load(path, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
        except DAMAGED as error:
            raise self._damaged(path, error) from error

    def _damaged(self, path: Path, error: Exception) -> CheckpointError:
        return CheckpointError(f"{path} is damaged: {error}. Start over with --fresh.")
