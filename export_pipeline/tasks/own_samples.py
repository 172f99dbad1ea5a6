"""Samples for a network of the user's own: from a folder of images, from an ``.npz``, or random by its signature."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base import images
from export_pipeline.base.files import sha256_of
from export_pipeline.errors import RecipeError, UsageError
from export_pipeline.recipe.parity import RANDOM, ParityRecipe
from export_pipeline.records.signature import Port, Signature
from export_pipeline.tasks.photographs import folder_photographs, images_sha256
from export_pipeline.tasks.task import Sample

CALIBRATED = "tflite-int8"
_LUMA = "L"  # gray as Pillow makes it of RGB: 0.299 R + 0.587 G + 0.114 B


@dataclass(frozen=True)
class Samples:
    """Named samples, each made when it is asked for."""

    names: tuple[str, ...]
    load: Callable[[int], Sample]
    unread: tuple[str, ...] = ()  # names of files beside them that could not be read

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return self.load(index)

    def split(self, hold_out: int) -> tuple[Samples, Samples]:
        """All but the last *hold_out*, and those.

        Raises:
            UsageError: there are not more than so many.
        """
        if hold_out >= len(self):
            raise UsageError(
                f"verify.hold_out is {hold_out} of {len(self)} samples; leave at least one to calibrate on"
            )
        first = len(self) - hold_out
        held = Samples(self.names[first:], lambda index: self.load(first + index))
        return Samples(self.names[:first], self.load, self.unread), held


def own_samples(recipe: ParityRecipe, signature: Signature) -> tuple[Samples, Samples]:
    """Samples to calibrate on, and to verify on, that *recipe* names for a network of *signature*.

    Raises:
        ImageError, RecipeError: they cannot be read, or do not fit the network.
        UsageError: there are too few.
    """
    written = recipe.verify.samples
    if written == RANDOM:
        return _random(recipe, signature)
    path = recipe.path(written)
    if path.suffix.lower() == ".npz" and path.is_file():
        return _arrays(path, signature).split(recipe.verify.hold_out)
    if path.is_dir():
        return _pictures(path, recipe, signature).split(recipe.verify.hold_out)
    raise RecipeError(
        f"verify.samples is {written!r}: no folder and no .npz file at {path}; name one of them, or '{RANDOM}'"
    )


def samples_sha256(recipe: ParityRecipe) -> Any:
    """Of what the files of the samples hold; nothing of random ones."""
    written = recipe.verify.samples
    if written == RANDOM:
        return None
    path = recipe.path(written)
    return images_sha256(path) if path.is_dir() else sha256_of(path)


def takes_images(port: Port) -> bool:
    """Whether *port* has the shape of an image: rows, columns, and one or three channels."""
    return len(port.shape) == 4 and port.shape[3] in (1, 3) and port.dtype == "float32"


def listed(ports: tuple[Port, ...]) -> str:
    """Names and shapes of *ports* in words."""
    return ", ".join(f"{port.name} {'x'.join(map(str, port.shape[1:]))}" for port in ports)


def _pictures(folder: Path, recipe: ParityRecipe, signature: Signature) -> Samples:
    """A sample of each image in *folder*."""
    first, *others = signature.inputs
    if others or not takes_images(first):
        raise RecipeError(
            "verify.samples is a folder of images, for a network that takes one image; this one takes "
            f"{listed(signature.inputs)}. Name an .npz file that has an array for each input"
        )
    if recipe.model.pixels is None:
        raise RecipeError(
            f"model.pixels is missing: the input {first.name} takes images; say what black and white are to the "
            "network: [0, 255], [0, 1] or [-1, 1]"
        )
    found, (low, high) = folder_photographs(folder, of_any_size=True), recipe.model.pixels

    def load(index: int) -> Sample:
        photo = images.fit(found[index], *first.closed_shape[1:3])
        if first.color is not None:
            return Sample({first.name: photo})
        if first.shape[3] == 1:
            photo = np.asarray(Image.fromarray(photo).convert(_LUMA))[..., None]
        return Sample({first.name: (low + photo.astype(np.float32) / 255 * (high - low)).astype(np.float32)})

    return Samples(found.names, load, found.unread)


def _arrays(path: Path, signature: Signature) -> Samples:
    """A sample of each row of the arrays in *path*; those that are no inputs are what is known of the outputs."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RecipeError(f"verify.samples: {path} cannot be read ({error}); write it with numpy.savez") from error
    ports = {port.name: port for port in signature.inputs}
    if len(ports) == len(arrays) == 1:
        arrays = dict(zip(ports, arrays.values(), strict=True))
    if missing := [name for name in ports if name not in arrays]:
        raise RecipeError(
            f"verify.samples: {path} has {', '.join(arrays) or 'no array'}; it must have an array for each input, and "
            f"has none for {', '.join(missing)}"
        )
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1 or not min(counts.values()):
        rows = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise RecipeError(f"verify.samples: the arrays in {path} must have as many rows each, one or more; {rows}")
    arrays |= {name: _of_port(arrays[name], port, path) for name, port in ports.items()}

    def load(index: int) -> Sample:
        rows = {name: array[index] for name, array in arrays.items()}
        truth = {name: row for name, row in rows.items() if name not in ports}
        return Sample({name: rows[name] for name in ports}, truth)

    count = next(iter(counts.values()))
    return Samples(tuple(f"row {index}" for index in range(count)), load)


def _of_port(array: np.ndarray, port: Port, path: Path) -> np.ndarray:
    """*array*, a row for each sample, in the type of *port*."""
    where = f"verify.samples: the array {port.name} in {path}"
    if array.shape[1:] != port.shape[1:]:
        raise RecipeError(f"{where} has rows of {array.shape[1:]}; the network takes {port.shape[1:]}")
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise RecipeError(f"{where} must hold finite numbers; it is {array.dtype}")
    if port.color is None and port.dtype == "float32":
        return array.astype(np.float32)
    least, most = (0, 255) if port.color else (np.iinfo(port.dtype).min, np.iinfo(port.dtype).max)
    if (array != np.rint(array)).any() or array.min() < least or array.max() > most:
        kind = "images of whole numbers 0..255, as model.pixels says" if port.color else f"{port.dtype} numbers"
        raise RecipeError(f"{where} must hold {kind}; it reaches from {array.min():g} to {array.max():g}")
    return array.astype(np.uint8 if port.color else port.dtype)


def _random(recipe: ParityRecipe, signature: Signature) -> tuple[Samples, Samples]:
    """As many samples as the recipe calibrates and verifies on; number *i* depends on the seed and *i* alone."""
    for port in signature.inputs:
        if port.dtype == "int32" and port.name not in recipe.model.ranges:
            raise RecipeError(
                f"model.ranges has nothing for the input {port.name}, which takes whole numbers; give the least and "
                f"the greatest: ranges = {{ {port.name} = [0, 99] }}, or name an .npz file in verify.samples"
            )
        if takes_images(port) and recipe.model.pixels is None and port.name not in recipe.model.ranges:
            raise RecipeError(
                f"model.pixels is missing: the input {port.name} takes images; say what black and white are to the "
                f"network: [0, 255], [0, 1] or [-1, 1]. Where it takes none, give model.ranges of {port.name}"
            )
    if CALIBRATED in recipe.export.targets:
        warnings.warn(
            f"{CALIBRATED} is calibrated on random numbers, whose ranges are not those of real inputs; name a folder "
            "of images or an .npz file in verify.samples before you ship it",
            stacklevel=2,
        )

    def load(index: int) -> Sample:
        generator = np.random.default_rng([recipe.seed, index])
        return Sample({port.name: _drawn(port, recipe, generator) for port in signature.inputs})

    count, verified = recipe.export.calibration_images, recipe.verify.images
    return Samples(tuple(f"random {index}" for index in range(count + verified)), load).split(verified)


def _drawn(port: Port, recipe: ParityRecipe, generator: np.random.Generator) -> np.ndarray:
    shape = port.closed_shape[1:]
    if port.color is not None:
        return generator.integers(0, 256, shape, dtype=np.uint8)
    limits = recipe.model.ranges.get(port.name, recipe.model.pixels if takes_images(port) else None)
    if port.dtype == "int32":
        assert limits is not None
        return generator.integers(round(limits[0]), round(limits[1]) + 1, shape).astype(np.int32)
    drawn = generator.standard_normal(shape) if limits is None else generator.uniform(*limits, shape)
    return np.asarray(drawn, np.float32)
