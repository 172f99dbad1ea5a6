"""The export stage: one Keras network into the files that a recipe names, each read back and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base import files
from export_pipeline.base.files import remove_parts_of, written_aside
from export_pipeline.base.images import fit
from export_pipeline.errors import ExportError, near
from export_pipeline.export import guard, state
from export_pipeline.export.quiet import converter
from export_pipeline.formats import Conversion, WrittenFormat, format_of, static
from export_pipeline.formats.format import Rounded
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import Signature
from export_pipeline.targets import TARGETS, Target, is_target, target_of

__all__ = ["Sample", "export", "pictures"]

Sample = Mapping[str, np.ndarray]


def pictures(signature: Signature, photographs: Sequence[np.ndarray]) -> list[Sample]:
    """A sample of each photograph ``(H, W, 3)`` uint8, for a network that takes nothing else."""
    return [{port.name: photograph for port in signature.pictures} for photograph in photographs]


def export(
    model: Any,
    recipe: Recipe,
    signature: Signature,
    folder: Path,
    samples: Sequence[Sample] = (),
    checkpoint_sha256: str = "",
    title: str = "Neural network",
    progress: Callable[[str], None] | None = None,
    resume: bool = False,
    rounded: Rounded | None = None,
    size: str = "",
    flexible: Signature | None = None,
) -> tuple[ExportedModel, ...]:
    """Write a file for each target of *recipe*, read it back and check that it is what was asked for.

    Args:
        model: Keras network for pictures of any size, or of the signature's.
        recipe: gives targets and name.
        signature: what the network takes and gives, in its order; the files get its names and sizes.
        folder: where the files go; made if missing. Each appears there whole, under its final name.
        samples: an array for each input by its name, for targets with 8-bit activations: a picture is
            ``(H, W, 3)`` uint8 of any size and is fitted, a tensor is as the network takes it.
        checkpoint_sha256: what the network was loaded from, for the record and the version in the files.
        title: what the network is for, which a Core ML file tells.
        progress: called with a line of text before and after each file.
        resume: keep files that are already there, whole, and made from the same network and settings.
        rounded: *model* with trained ranges, which files with 8-bit activations take; nothing is calibrated then.
        size: that of *signature*, where it is a further one of the recipe's, which then stands in names of targets.
        flexible: *signature* at all sizes of the recipe, for the targets that get one file for them.

    Returns:
        One record for each target, in the recipe's order; none for a target whose library is not here, which is said.

    Raises:
        ExportError: a converter failed or did not do what was asked; the file is not written. Or no target has its
            library.
        OutputError: *folder* cannot be written, or the disk is full.
    """
    say = progress or (lambda line: None)
    targets = [_known(name) for name in recipe.export.files_at(size)]
    if rounded is not None:
        samples = ()
    _check(targets, signature, samples, calibrates=rounded is None)
    fitted = [_fitted(sample, signature) for sample in samples]
    network = cache(partial(_network, model))
    done = []
    for target in targets:
        if reason := _format(Path(target.file_name(recipe.name))).missing():
            say(f"{target.name}: SKIPPED: {reason}")
            continue
        own = flexible if flexible and target.flexible else signature
        used, trained = (fitted, rounded and _sized(rounded, own)) if target.calibrated else ([], None)
        version, about = checkpoint_sha256[:12], recipe.about.metadata()
        made, scaled = network(own, target.half_sums)
        conversion = Conversion(made, own, target, used, title, version, trained, about)
        key = state.made_from(conversion, {"recipe": recipe.name, "checkpoint": checkpoint_sha256})
        found = state.finished(folder, target.name, key) if resume else None
        if found is None:
            say(f"{target.name}: converting")
            found = _export_one(conversion, folder / target.file_name(recipe.name), checkpoint_sha256)
            found = found.model_copy(update={"notes": (*found.notes, *scaled)})
            state.record(folder, found, key)
        say(f"{target.name}: {found.file}, {files.size(folder / found.file):,} bytes")
        done.append(found)
    if not done:
        raise ExportError(f"no target can be made here: {reason}. Name others in [export] targets, too.")
    return tuple(done)


def _network(model: Any, signature: Signature, half_sums: bool) -> tuple[Any, tuple[str, ...]]:
    """*model* as the files of *signature* hold it, and notes; where sums are of half precision, within its range.

    The sums of a flexible file are largest at its largest size.
    """
    from export_pipeline.export.half_range import in_half_range  # with TensorFlow

    largest = signature.at(max(signature.sizes, key=math.prod)) if signature.sizes else signature
    fixed = static.at_size(model, largest)
    made, notes = in_half_range(fixed, largest) if half_sums else (fixed, ())
    return (static.opened(made, signature) if signature.sizes else made), notes


def _sized(rounded: Rounded, signature: Signature) -> Rounded:
    """*rounded* as files of *signature* hold it."""
    made = (static.opened if signature.sizes else static.at_size)(rounded.model, signature)
    return Rounded(made, rounded.ranges)


def _export_one(conversion: Conversion, path: Path, checkpoint: str) -> ExportedModel:
    target, form = conversion.target, _format(path)
    remove_parts_of(path)
    with written_aside(path) as aside:
        with converter(target.name):
            notes = form.write(conversion, aside)
            interface, kernels = form.interface(aside), form.kernels(aside)
        signature = guard.check_interface(target, interface, form.signature(conversion.signature, target))
        guard.check_kernels(target, kernels, form.stored(target, static.kernels(conversion.model)))
    return ExportedModel(
        target=target.name,
        file=path.name,
        signature=signature,
        sha256=state.hashes(path.parent, path.name),
        checkpoint_sha256=checkpoint,
        notes=(target.reason, *notes),
    )


def _format(path: Path) -> WrittenFormat:
    found = format_of(path)
    if not isinstance(found, WrittenFormat):
        raise ExportError(f"nothing is exported to {path.suffix} files; give the target another format.")
    return found


def _known(name: str) -> Target:
    if not is_target(name):
        raise ExportError(f"unknown target {name!r}; {near(name, TARGETS)}")
    return target_of(name)


def _fitted(sample: Sample, signature: Signature) -> Sample:
    """*sample* with pictures of the signature's size."""
    sizes = {port.name: port.closed_shape[1:3] for port in signature.pictures}
    return {name: fit(array, *sizes[name]) if name in sizes else array for name, array in sample.items()}


def _check(targets: Sequence[Target], signature: Signature, samples: Sequence[Sample], calibrates: bool) -> None:
    for target in targets:
        if calibrates and target.calibrated and not len(samples):
            raise ExportError(f"{target.name} needs photographs or other samples to calibrate on; none was given.")
    for sample in samples:
        if missing := [port.name for port in signature.inputs if port.name not in sample]:
            raise ExportError(f"a calibration sample has no array for the input {missing[0]!r}; give one for each.")
        for port in signature.pictures:
            image = sample[port.name]
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ExportError(f"a calibration image is {image.dtype} {image.shape}; (H, W, 3) uint8 is needed.")
