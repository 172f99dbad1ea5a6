"""Bundles: a folder of files that a manifest vouches for, byte by byte.

``manifest.json`` lists what is the same whenever the bundle is built from the same checkpoint.
``measured.json`` lists what one machine measured (latency, memory, and the pages that show them). Both carry
a digest of themselves, so that no byte of a bundle can change unnoticed. ``model.sig``, where a bundle is signed, says
who vouches for all of it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from export_pipeline.base.faults import faults
from export_pipeline.base.files import files_of, sha256, write_text, written_aside
from export_pipeline.base.images import load_image, save_image, to_uint8
from export_pipeline.errors import BundleError, CheckFailed, UsageError
from export_pipeline.recipe import Recipe, RecordedRecipe
from export_pipeline.records.exported import ExportedModel, as_arrays
from export_pipeline.records.signature import Signature

MANIFEST = "manifest.json"
MEASURED = "measured.json"
CHECKPOINT = "checkpoint.safetensors"
SIGNATURE = "model.sig"  # of all other files, if the bundle is signed; no listing names it
PLAN = "plan.toml"
GOLDEN_PHOTO = "golden/photo.png"
GOLDEN_OUTPUT = "golden/float.png"
# The same where they are not one picture each.
GOLDEN_INPUTS = "golden/inputs.npz"
GOLDEN_OUTPUTS = "golden/outputs.npz"
_OUTSIDE = (MANIFEST, MEASURED, SIGNATURE)  # what vouches for the other files


class FileHash(BaseModel):
    """Size in bytes and SHA-256 of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(ge=0)
    sha256: str


class _Listing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[str, FileHash] = Field(description="by path relative to the bundle")
    digest: str = Field("", description="SHA-256 of this document with an empty digest")

    def sealed(self) -> str:
        """The one text that this document is written as, with its digest; equal documents give equal bytes."""
        return _sealed(self.model_dump(mode="json"))


L = TypeVar("L", bound=_Listing)


class Measured(_Listing):
    """What one machine measured; the only files that differ between two builds from one checkpoint."""

    made_from: str = Field("", description="hash of all that decided the bundle when it was built")


class Manifest(_Listing):
    """What a bundle is and where it came from."""

    format: int = 1
    name: str
    recipe: RecordedRecipe
    signature: Signature = Field(description="of the network; each model has its file's own")
    models: tuple[ExportedModel, ...]
    min_psnr: dict[str, float] = Field(description="dB by target: what each file must reach on the golden photo")
    provenance: dict[str, str]
    sources: dict[str, dict[str, str]] = Field({}, description="hashes of what train and compress read, by stage")

    @field_validator("signature", mode="before")
    @classmethod
    def _of_a_network(cls, signature: Any) -> Any:
        return as_arrays(signature, "float32")  # in older manifests it has no type


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk, its manifest read strictly."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Read the manifest of the bundle at *path*; the other files are not looked at.

        Raises:
            BundleError: there is no bundle.
            CheckFailed: its manifest is not as it was written.
        """
        path = Path(path)
        if not (path / MANIFEST).is_file():
            raise BundleError(f"{path} is not a bundle: it has no {MANIFEST}. Name a folder made by 'build'.")
        return cls(path, _read(path / MANIFEST, Manifest))

    @classmethod
    def seal(cls, path: Path, manifest: dict[str, Any], measured: tuple[str, ...], made_from: str = "") -> Bundle:
        """Write both listings over the files that lie in *path*; *measured* names those of one machine."""
        hashes = {file.relative_to(path).as_posix(): _hash(file) for file in files_of(path)}
        for listing in _OUTSIDE:  # of an earlier sealing
            hashes.pop(listing, None)
        own = {name: hashes.pop(name) for name in measured}
        write_text(path / MANIFEST, Manifest(files=hashes, **manifest).sealed())
        write_text(path / MEASURED, Measured(files=own, made_from=made_from).sealed())
        return cls.open(path)

    @classmethod
    def seal_measured(cls, path: Path, measured: tuple[str, ...]) -> None:
        """Write the listing of what was measured over the files *measured* in *path*; the manifest stays as it is."""
        write_text(path / MEASURED, Measured(files={name: _hash(path / name) for name in measured}).sealed())

    def check_files(self, partly: bool = False) -> int:
        """Compare every file with the listings.

        Args:
            partly: whether files may be missing, as where the largest are kept elsewhere.

        Returns:
            The number of files compared.

        Raises:
            CheckFailed: files are missing, surplus or changed; each is named.
        """
        listed, found = self._listed(), self._found()
        wrong = [f"{name} is missing" for name in sorted(set(listed) - set(found)) if not partly]
        wrong += [f"{name} is not listed" for name in sorted(set(found) - set(listed))]
        wrong += [f"{n} has changed" for n in sorted(set(listed) & set(found)) if _hash(found[n]) != listed[n]]
        if wrong:
            raise CheckFailed(f"{self.path} is not the bundle that was built: {'; '.join(wrong)}")
        return len(set(listed) & set(found)) + 2

    def is_whole(self, made_from: str) -> bool:
        """Whether the bundle was made from *made_from* and no byte of it has changed since."""
        try:
            if _read(self.path / MEASURED, Measured).made_from != made_from:
                return False
            self.check_files()
        except (CheckFailed, OSError):
            return False
        return True

    def unlisted(self) -> list[str]:
        """Names of files in the folder that no listing names.

        Raises:
            CheckFailed: a listing is missing or damaged.
        """
        return sorted(set(self._found()) - set(self._listed()))

    def _listed(self) -> dict[str, FileHash]:
        if not (self.path / MEASURED).is_file():
            raise CheckFailed(f"{self.path}: {MEASURED} is missing")
        return {**self.manifest.files, **_read(self.path / MEASURED, Measured).files}

    def _found(self) -> dict[str, Path]:
        found = {file.relative_to(self.path).as_posix(): file for file in files_of(self.path)}
        return {name: file for name, file in found.items() if name not in _OUTSIDE}

    def model_path(self, model: ExportedModel) -> Path:
        """Where the file of *model* lies."""
        return self.path / model.file


def require_replaceable(path: Path, recipe: Recipe, meant: bool) -> None:
    """Refuse to put the bundle of *recipe* where something else lies than an earlier bundle of the same recipe.

    The same recipe is one of the same name and task: its other keys may have been edited.

    Args:
        meant: the user has said that a bundle which is there may go, whatever it is of and what was put into it.

    Raises:
        UsageError: what lies there is no bundle, is one of another recipe or a damaged one, or holds files of others.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not _is_bundle(path):
        raise UsageError(f"{path} exists and is not a bundle; it is not overwritten. Choose another output folder.")
    if meant:
        return
    then = "Choose another output folder with -o, or give --replace if it may go."
    try:
        found = Bundle.open(path)
        others = found.unlisted()
    except CheckFailed as error:
        raise UsageError(f"{error}; it is not overwritten.\n{then}") from error
    theirs = (found.manifest.name, found.manifest.recipe.task)
    if theirs != (recipe.name, recipe.task):
        told = f"the bundle of another recipe, {theirs[0]!r} (task {theirs[1]}); this one is {recipe.name!r}"
        raise UsageError(f"{path} holds {told} (task {recipe.task}).\n{then}")
    if others:
        raise UsageError(f"{path} holds files that no build has put there: {', '.join(others)}.\n{then}")


def _is_bundle(path: Path) -> bool:
    """Whether *path* has a manifest of ours: other programs have files of that name, too. It may be damaged."""
    try:
        text = (path / MANIFEST).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(f'"{key}"' in text for key in ("models", "provenance", "min_psnr", "digest"))


Arrays = Mapping[str, np.ndarray]


def write_golden(folder: Path, signature: Signature, inputs: Arrays, outputs: Arrays, size: str = "") -> None:
    """Write a sample and what the float network gives for it, which any machine can check the files against.

    Those of a further *size*, as it stands in the names of targets, lie in a folder of that name. Pictures are rounded
    to 8 bits, and written as images where one goes in and one comes out; other arrays stay as they are.
    """
    if shows_pictures(signature):
        save_image(folder / _golden(GOLDEN_PHOTO, size), next(iter(inputs.values())))
        save_image(folder / _golden(GOLDEN_OUTPUT, size), to_uint8(next(iter(outputs.values()))))
        return
    pictures = {port.name for port in (*signature.inputs, *signature.outputs) if port.color}
    for name, given in ((GOLDEN_INPUTS, inputs), (GOLDEN_OUTPUTS, outputs)):
        arrays = {key: to_uint8(array) if key in pictures else array for key, array in given.items()}
        with written_aside(folder / _golden(name, size)) as aside, aside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


def _golden(name: str, size: str) -> str:
    folder, _, file = name.partition("/")
    return f"{folder}/{size}/{file}" if size else name


def read_golden(bundle: Bundle, size: str = "") -> tuple[Arrays, Arrays]:
    """Inputs and outputs as :func:`write_golden` wrote them, by name.

    Raises:
        ImageError, BundleError: they cannot be read.
    """
    signature = bundle.manifest.signature
    if shows_pictures(signature):
        photo, expected = (load_image(bundle.path / _golden(name, size)) for name in (GOLDEN_PHOTO, GOLDEN_OUTPUT))
        return {signature.inputs[0].name: photo}, {signature.outputs[0].name: expected}
    found = (_arrays(bundle.path / _golden(name, size)) for name in (GOLDEN_INPUTS, GOLDEN_OUTPUTS))
    return next(found), next(found)


def shows_pictures(signature: Signature) -> bool:
    """Whether one picture goes in and one comes out."""
    return len(signature.inputs) == len(signature.outputs) == len(signature.pictures) == 1 and bool(
        signature.outputs[0].color
    )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BundleError(f"cannot read {path}: {error}. Build the bundle again.") from error


def _sealed(document: dict[str, Any]) -> str:
    """*document* in the one form that it is written in, its digest worked out."""
    blank = _rendered({**document, "digest": ""})
    return _rendered({**document, "digest": hashlib.sha256(blank.encode()).hexdigest()})


def _rendered(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _hash(file: Path) -> FileHash:
    return FileHash(bytes=file.stat().st_size, sha256=sha256(file))


def _read(path: Path, kind: type[L]) -> L:
    try:
        text = path.read_bytes().decode()
        listing = kind.model_validate_json(text)
    except (ValidationError, UnicodeDecodeError) as error:
        if path.name == MANIFEST and not _is_bundle(path.parent):
            raise BundleError(
                f"{path.parent} is not a bundle: its {MANIFEST} is not one of ours ({faults(error)}).\n"
                "Name a folder made by 'build'."
            ) from error
        raise CheckFailed(f"{path} is damaged: {faults(error)}. Build the bundle again.") from error
    # The text as it is, not as this version would write it: an older bundle lacks keys that are new.
    if _sealed(json.loads(text)) != text:
        raise CheckFailed(f"{path} is not as it was written: its digest does not fit")
    return listing
