"""What a large picture that was interrupted goes on from: the picture after its last whole stage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export_pipeline.base.files import written_aside
from export_pipeline.base.images import pixels_sha256


def key_of(photo: np.ndarray, paintings: Sequence[np.ndarray], *settings: object) -> str:
    """What tells one picture from others: by all that it is made of."""
    parts = [pixels_sha256(photo), *map(pixels_sha256, paintings), *map(repr, settings)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Unfinished:
    """The files of one picture, whose *key* is of :func:`key_of`, in *folder*."""

    folder: Path
    key: str

    def newest(self) -> tuple[int, np.ndarray] | None:
        """How many stages are done, and the picture after them; ``None`` where there is nothing of this key."""
        found = sorted(self.folder.glob(f"{self.key}-*.npy"))
        return (int(found[-1].stem.rsplit("-", 1)[1]), np.load(found[-1], allow_pickle=False)) if found else None

    def save(self, done: int, picture: np.ndarray) -> None:
        """Keep *picture* after *done* stages, in place of those before."""
        before = list(self.folder.glob(f"{self.key}-*.npy"))
        with written_aside(self.folder / f"{self.key}-{done}.npy") as aside:
            np.save(aside, picture)
        for path in before:
            path.unlink()
