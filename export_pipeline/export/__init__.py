"""The export stage: one Keras network into the files that a recipe names, each read back and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.files import remove_parts_of, size, written_aside
from export_pipeline.base.images import fit
from export_pipeline.errors import ExportError, near
from export_pipeline.export import guard, state
from export_pipeline.export.quiet import converter
from export_pipeline.formats import static
from export_pipeline.formats.coreml import forms
from export_pipeline.formats.facts import Facts
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import ImageSignature
from export_pipeline.targets import SCHEMES, Scheme, file_name

__all__ = ["SCHEMES", "Scheme", "export", "file_name"]


def export(
    model: Any,
    recipe: Recipe,
    folder: Path,
    calibration: Sequence[np.ndarray],
    checkpoint_sha256: str = "",
    progress: Callable[[str], None] | None = None,
    resume: bool = False,
) -> tuple[ExportedModel, ...]:
    """Write a file for each target of *recipe*, read it back and check that it is what was asked for.

    Args:
        model: Keras network for RGB images of any size, or of the recipe's, values 0..255.
        recipe: gives targets, name, image size and tensor names.
        folder: where the files go; made if missing. Each appears there whole, under its final name.
        calibration: photographs ``(H, W, 3)`` uint8 of any size, for targets with 8-bit activations.
        checkpoint_sha256: what the network was loaded from, for the record and the version in the files.
        progress: called with a line of text before and after each file.
        resume: keep files that are already there, whole, and made from the same network and settings.

    Returns:
        One record for each target, in the recipe's order.

    Raises:
        ExportError: a converter failed or did not do what was asked; the file is not written.
        OutputError: *folder* cannot be written, or the disk is full.
    """
    say = progress or (lambda line: None)
    signature = recipe.signature
    targets = recipe.export.targets
    _check(targets, calibration)
    photographs = [fit(image, signature.height, signature.width) for image in calibration]
    fixed = static.at_size(model, signature)
    done = []
    for target in targets:
        identity = {
            "target": target,
            "recipe": recipe.name,
            "checkpoint": checkpoint_sha256,
            "signature": signature.model_dump(),
        }
        used = photographs if SCHEMES[target].calibrated else []
        key = state.made_from(fixed, used, identity)
        found = state.finished(folder, target, key) if resume else None
        if found is None:
            say(f"{target}: converting")
            path = folder / file_name(recipe.name, target)
            found = _export_one(fixed, signature, target, path, used, checkpoint_sha256)
            state.record(folder, found, key)
        say(f"{target}: {found.file}, {size(folder / found.file):,} bytes")
        done.append(found)
    return tuple(done)


def _export_one(
    model: Any, signature: ImageSignature, target: str, path: Path, photographs: list[np.ndarray], checkpoint: str
) -> ExportedModel:
    scheme, kernels = SCHEMES[target], static.kernels(model)
    if scheme.exact:
        forms.check(target, scheme, kernels)
    remove_parts_of(path)
    with written_aside(path) as aside:
        with converter(target):
            notes, facts = _write_and_read(model, signature, scheme, aside, photographs, checkpoint)
        guard.check(target, facts, scheme, signature, kernels)
    return ExportedModel(
        target=target,
        file=path.name,
        signature=signature,
        sha256=state.hashes(path.parent, path.name),
        checkpoint_sha256=checkpoint,
        notes=(scheme.reason, *notes, *([forms.note(scheme, kernels)] if scheme.exact else [])),
    )


def _write_and_read(
    model: Any, signature: ImageSignature, scheme: Scheme, path: Path, photographs: list[np.ndarray], checkpoint: str
) -> tuple[tuple[str, ...], Facts]:
    """Write one file with its format's converter, and say what is to be noted and what lies in the file."""
    if scheme.format == "tflite":
        from export_pipeline.formats.tflite import write as tflite

        return tflite.write(model, signature, scheme, photographs, path), tflite.facts(path)
    if scheme.format == "onnx":
        from export_pipeline.formats.onnx import write as onnx

        onnx.write(model, signature, path)
        return (), onnx.facts(path)
    from export_pipeline.formats.coreml import file as coreml_file
    from export_pipeline.formats.coreml import write as coreml

    write = coreml.write_package if scheme.format == "mlpackage" else coreml.write_network
    write(model, signature, scheme, checkpoint[:12], path)
    return (), coreml_file.facts(path)


def _check(targets: Sequence[str], calibration: Sequence[np.ndarray]) -> None:
    for target in targets:
        if target not in SCHEMES:
            raise ExportError(f"unknown target {target!r}; {near(target, SCHEMES)}")
        if SCHEMES[target].calibrated and not len(calibration):
            raise ExportError(f"{target} needs photographs to calibrate on; none was given. Name a folder of them.")
    for image in calibration:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ExportError(f"a calibration image is {image.dtype} {image.shape}; (H, W, 3) uint8 is needed.")
