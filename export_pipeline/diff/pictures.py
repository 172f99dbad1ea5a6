"""What the old and the new files make of one picture: the golden sample of the new bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from export_pipeline.base.images import to_uint8
from export_pipeline.bundle import Bundle, read_golden, shows_pictures
from export_pipeline.diff.model import PictureChange
from export_pipeline.diff.words import hashes_of
from export_pipeline.errors import EmulatorError, ImageError, ModelError
from export_pipeline.formats import open_model
from export_pipeline.report import Release
from export_pipeline.report.picture import BRIGHTER
from export_pipeline.targets import split_size

MOST_DB = 200.0  # of equal pictures


@dataclass(frozen=True, eq=False)
class Shown:
    """One target: its pictures ``(H, W, 3)`` uint8, and what they come to. ``None`` where there is none."""

    change: PictureChange
    old: np.ndarray | None = None
    new: np.ndarray | None = None

    @property
    def difference(self) -> np.ndarray | None:
        """Where they differ, :data:`BRIGHTER` times as bright; ``None`` where they do not compare."""
        if self.old is None or self.new is None or self.old.shape != self.new.shape:
            return None
        apart = np.abs(self.new.astype(np.int32) - self.old.astype(np.int32))
        brighter: np.ndarray = np.minimum(apart * BRIGHTER, 255).astype(np.uint8)
        return brighter


@dataclass(frozen=True, eq=False)
class Sheet:
    """All pictures of a difference; the first are the photograph and what both float networks make of it."""

    photo: np.ndarray
    networks: Shown
    files: tuple[Shown, ...]


def picture_sheet(old: Release, new: Release, say: Callable[[str], None] = lambda line: None) -> Sheet | str:
    """Run the files of both builds on the golden photograph of the new one; or say why there is nothing to show.

    Raises:
        ImageError, BundleError: the golden sample cannot be read.
    """
    if old.bundle is None or new.bundle is None:
        return "a report has no model files and no golden photograph; name two bundles to see pictures"
    if not shows_pictures(new.bundle.manifest.signature):
        return "the network does not turn one picture into another"
    photo, network = _golden(new.bundle)
    return Sheet(photo, _networks(old, photo, network), tuple(_files(old, new, say)))


def _golden(bundle: Bundle, size: str = "") -> tuple[np.ndarray, np.ndarray]:
    """The golden photograph of a further *size*, or of the first, and what the float network makes of it."""
    inputs, expected = read_golden(bundle, size)
    return next(iter(inputs.values())), next(iter(expected.values()))


def _networks(old: Release, photo: np.ndarray, network: np.ndarray) -> Shown:
    assert old.bundle is not None
    before, made = _golden(old.bundle)
    if not np.array_equal(before, photo):
        change = PictureChange(target="float network", note="the old bundle's golden photograph is another")
        return Shown(change, None, network)
    return _compared("float network", made, network)


def _files(old: Release, new: Release, say: Callable[[str], None]) -> Iterator[Shown]:
    assert new.bundle is not None
    for row in new.record.files:
        if old.file_of(row.target) is None:
            continue
        say(f"pictures of {row.target}")
        yield _of_both(old, new, row.target, _golden(new.bundle, split_size(row.target)[1])[0])


def _of_both(old: Release, new: Release, target: str, photo: np.ndarray) -> Shown:
    before = _run(old, target, photo)
    same = hashes_of(old, target) == hashes_of(new, target)  # then one run tells of both
    after = before if same else _run(new, target, photo)
    for found in (before, after):
        if isinstance(found, str):
            return Shown(PictureChange(target=target, note=found))
    assert not isinstance(before, str)
    assert not isinstance(after, str)
    return _compared(target, before, after)


def _run(side: Release, target: str, photo: np.ndarray) -> np.ndarray | str:
    path = side.path_of(target)
    if path is None:
        return f"the file does not lie in {side.path}"
    try:
        runtime = open_model(path)
        return to_uint8(next(iter(runtime.infer({runtime.inputs[0].name: photo}).values())))
    except (ModelError, EmulatorError, ImageError) as error:
        return f"it does not run on the golden photograph: {error}"


def _compared(target: str, old: np.ndarray, new: np.ndarray) -> Shown:
    if old.shape != new.shape:
        change = PictureChange(target=target, note=f"another size: {_size(old)} and {_size(new)}")
        return Shown(change, old, new)
    apart = new.astype(np.float64) - old.astype(np.float64)
    error = float(np.mean(apart**2))
    psnr = min(10 * float(np.log10(255**2 / error)), MOST_DB) if error else MOST_DB
    change = PictureChange(target=target, psnr=round(psnr, 2), max_abs=float(np.max(np.abs(apart))))
    return Shown(change, old, new)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
