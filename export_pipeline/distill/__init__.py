"""Distillation of the loss network: a small network out of VGG-19, from photographs and paintings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline import coding
from export_pipeline.base.files import (
    check_writable,
    empty,
    locked,
    refuse_input,
    remove_parts,
    remove_parts_of,
    sha256,
    write_text,
    written_aside,
)
from export_pipeline.coding.quantize import quantize
from export_pipeline.distill.record import Distilled, StoredStudent, distilled_text
from export_pipeline.errors import UsageError, WeightsError
from export_pipeline.recipe.distill import DistillRecipe

if TYPE_CHECKING:
    from export_pipeline.distill.distillation import Distillation
    from export_pipeline.distill.run import Amounts
    from export_pipeline.distill.student import Student
    from export_pipeline.perception.vgg_weights import Weights

__all__ = ["Distilled", "distill", "distilled_text"]


def distill(
    recipe: DistillRecipe,
    output: Path,
    *,
    teacher: Weights | None = None,
    amounts: Amounts | None = None,
    fresh: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Distilled:
    """Distil the loss network of *recipe* into *output*, going on where an interrupted run was.

    Args:
        output: a ``.weights`` file. A record with the log of errors lies beside it as ``.json``, and the baseline, if
            the recipe asks for one, as ``<output>-slimmed.weights``.
        teacher: VGG-19's weights, or others of its form; when left out, those that the recipe names.
        amounts: of crops and of steps from one row of the log to the next, other than the usual ones.
        fresh: forget what an interrupted run left.

    Raises:
        UsageError: *output* has another suffix, is read, or another run is at work there.
        ImageError, WeightsError: photographs, paintings, the teacher, its decoders or the start cannot be read.
        CheckpointError: a style network cannot be read, or what an interrupted run left is of another recipe.
        TrainingError: an error is not finite.
    """
    if output.suffix != coding.SUFFIX:
        raise UsageError(f"{output} does not end in {coding.SUFFIX}, which is what is written. Choose another name.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder. Choose another name.")
    read = (recipe.start if recipe.start != "distilled" else None, recipe.decoders, recipe.vgg_weights)
    for written in (output, slimmed_path(output)):
        refuse_input(written, *(recipe.path(one) for one in read if one))
    check_writable(output)
    work = output.parent / f".{output.name}.work"
    with locked(work, "distillation"):
        remove_parts(work)
        remove_parts_of(output)
        if fresh:
            empty(work)
        made = _distilled(recipe, output, work, teacher, amounts, say)
        write_text(output.with_suffix(".json"), made.model_dump_json(indent=1) + "\n")
    return made


def slimmed_path(output: Path) -> Path:
    """Where the baseline of *output* lies."""
    return output.with_name(f"{output.stem}-slimmed{coding.SUFFIX}")


def _distilled(
    recipe: DistillRecipe,
    output: Path,
    work: Path,
    teacher: Weights | None,
    amounts: Amounts | None,
    say: Callable[[str], None],
) -> Distilled:
    """Train, store in *output*, and tell what came out; *work* is the folder of what is unfinished."""
    from export_pipeline.distill.material import Material, held_crops
    from export_pipeline.distill.run import Amounts, Run
    from export_pipeline.distill.state import State
    from export_pipeline.perception.codec import Codec
    from export_pipeline.perception.loss_network import LossNetwork

    amounts = amounts or Amounts()
    material = Material.of(recipe)  # first, because what is wrong with it is found without a download
    start, start_sha256 = _start(recipe)
    rebuilding = coding.read(recipe.path(recipe.decoders)) if recipe.decoders else None
    weights = _teacher(recipe) if teacher is None else teacher
    decoders = Codec.of(LossNetwork(weights), rebuilding, recipe.path(recipe.decoders or "")) if rebuilding else None
    state = State(work, recipe, material.sha256, start_sha256 or "", decoders.sha256 if decoders else "")
    distillation = Run(recipe, state, material, weights, amounts, say, start, decoders).trained()
    say("storing")
    held = held_crops(material, amounts.held_crops)
    paths = (output, slimmed_path(output))
    stored = [
        _stored(recipe.bits, distillation, student, held, path, work)
        for student, path in zip(distillation.students, paths, strict=False)
    ]
    networks = zip(recipe.style_networks, material.style_networks, strict=True)
    return Distilled(
        recipe=recipe,
        style_networks={written: network.sha256 for written, network in networks},
        start_sha256=start_sha256,
        decoders_sha256=decoders.sha256 if decoders else None,
        held_crops=len(held),
        student=stored[0],
        baseline=stored[1] if stored[1:] else None,
        log=tuple(state.log()),
    )


def _teacher(recipe: DistillRecipe) -> Weights:
    from export_pipeline.perception.vgg_weights import vgg19_weights

    return vgg19_weights(recipe.path(recipe.vgg_weights) if recipe.vgg_weights else None)


def _start(recipe: DistillRecipe) -> tuple[Mapping[str, np.ndarray] | None, str | None]:
    """The arrays of the network that *recipe* goes on from, and their SHA-256, if there is one."""
    from export_pipeline.perception.loss_network import DISTILLED, from_arrays

    if recipe.start is None:
        return None, None
    path = DISTILLED if recipe.start == "distilled" else recipe.path(recipe.start)
    arrays = coding.read(path)
    network = from_arrays(arrays, path)
    if not network.embeddings:
        raise WeightsError(f"{path} has no embeddings; name a network that was distilled with them")
    return arrays, network.sha256


def _stored(
    bits: int, distillation: Distillation, student: Student, held: np.ndarray, path: Path, work: Path
) -> StoredStudent:
    """Cluster *student* into *path*, and measure it on the crops *held* as float and as it lies there."""
    from export_pipeline.distill.run import held_errors

    arrays: dict[str, Any] = student.arrays()
    float_errors = held_errors(distillation, student, held)
    source = work / f"{path.stem}.npz"
    with written_aside(source) as aside:
        np.savez(aside, **arrays)
    quantize(source, bits, path)
    student.assign(coding.read(path))
    embeddings = sum(array.size for name, array in arrays.items() if name.endswith("_embedding"))
    return StoredStudent(
        file=path.name,
        sha256=sha256(path),
        bytes=path.stat().st_size,
        parameters=sum(array.size for array in arrays.values()) - embeddings,
        embedding_parameters=embeddings,
        errors=held_errors(distillation, student, held),
        float_errors=float_errors,
    )
