"""``distill``: a small loss network out of VGG-19, from photographs and paintings."""

from __future__ import annotations

import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export_pipeline import coding
from export_pipeline.base.files import (
    check_writable,
    empty,
    locked,
    remove_parts,
    remove_parts_of,
    sha256,
    write_text,
    written_aside,
)
from export_pipeline.coding.quantize import quantize
from export_pipeline.errors import CheckpointError, TrainingError, UsageError
from export_pipeline.recipe.distill import LOG_EVERY, DistillRecipe, Phase

if TYPE_CHECKING:
    from export_pipeline.distill.material import Material
    from export_pipeline.distill.student import Distillation, Student
    from export_pipeline.perception.vgg_weights import Weights

FIRST_CROPS = 32  # of the first phase, that filters and embeddings start from
LAST_CROPS = 128  # of the last phase, new ones, that the embeddings end with
HELD_BATCH = 4
UNDECIDED = ("name", "checkpoint_every", "bits")  # of a recipe, with which the weights do not change
STATE = "state.npz"
STATE_VERSION = 2
LOG = "log.jsonl"


class StoredStudent(BaseModel):
    """A student as it lies in its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    bytes: int
    parameters: int = Field(description="of the convolutions")
    embedding_parameters: int
    errors: tuple[float, ...] = Field(
        description="||F - Q F'||^2 / ||F||^2 at relu1_1 .. relu5_1, mean over held-out crops, as stored; of the "
        "baseline over the filters that it kept"
    )
    float_errors: tuple[float, ...] = Field(description="the same before its weights were clustered")


class Distilled(BaseModel):
    """What ``distill`` made: written beside the weights as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: DistillRecipe
    painters: dict[str, str] = Field(
        {}, description="SHA-256 of the checkpoint of each painter, by its path in the recipe"
    )
    held_crops: int
    student: StoredStudent
    baseline: StoredStudent | None
    log: tuple[dict[str, Any], ...] = Field(
        description="the errors by step, mean since the row before, of the student and of the baseline"
    )


def distill(
    recipe: DistillRecipe,
    output: Path,
    *,
    teacher: Weights | None = None,
    fresh: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Distilled:
    """Distil the loss network of *recipe* into *output*, going on where an interrupted run was.

    Args:
        output: a ``.weights`` file. A record with the log of errors lies beside it as ``.json``, and the baseline, if
            the recipe asks for one, as ``<output>-slimmed.weights``.
        teacher: VGG-19's weights, or others of its form; when left out, those that the recipe names.
        fresh: forget what an interrupted run left.

    Raises:
        UsageError: *output* has another suffix, or another run is at work there.
        ImageError, WeightsError: photographs, paintings or the teacher cannot be read.
        TrainingError: an error is not finite.
    """
    if output.suffix != coding.SUFFIX:
        raise UsageError(f"{output} does not end in {coding.SUFFIX}, which is what is written. Choose another name.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder. Choose another name.")
    check_writable(output)
    from export_pipeline.distill.material import Material

    work = output.parent / f".{output.name}.work"
    with locked(work, "distillation"):
        remove_parts(work)
        remove_parts_of(output)
        if fresh:
            empty(work)
        material = Material.of(recipe)  # first, because what is wrong with it is found without a download
        run = Run(recipe, work, material, _teacher(recipe) if teacher is None else teacher, say)
        distillation = run.trained()
        say("storing")
        paths = (output, output.with_name(f"{output.stem}-slimmed{coding.SUFFIX}"))
        stored = [
            _stored(run, distillation, student, path)
            for student, path in zip(distillation.students, paths, strict=False)
        ]
        made = Distilled(
            recipe=recipe,
            painters=dict(zip(recipe.painters, (painter.sha256 for painter in run.material.painters), strict=True)),
            held_crops=len(run.held),
            student=stored[0],
            baseline=stored[1] if stored[1:] else None,
            log=tuple(run.log()),
        )
        write_text(output.with_suffix(".json"), made.model_dump_json(indent=1) + "\n")
    return made


def _teacher(recipe: DistillRecipe) -> Weights:
    from export_pipeline.perception.vgg_weights import vgg19_weights

    return vgg19_weights(recipe.path(recipe.vgg_weights) if recipe.vgg_weights else None)


def distilled_text(found: Distilled) -> str:
    """*found* as a table."""
    from models.vgg import STAGES

    lines = [f"{'error at':<28}" + "".join(f"{stage:>9}" for stage in STAGES)]
    for row, title in ((found.student, "distilled"), (found.baseline, "kept filters")):
        if row:
            for name, errors in (("float", row.float_errors), (f"{found.recipe.bits} bits", row.errors)):
                lines.append(f"{f'{title}, {name}':<28}" + "".join(f"{error:>9.4f}" for error in errors))
    student = found.student
    counts = f"{student.parameters:,} parameters and {student.embedding_parameters:,} of the embedding"
    return "\n".join([*lines, "", f"{student.file}: {student.bytes:,} bytes, {counts}"])


def _stored(run: Run, distillation: Distillation, student: Student, path: Path) -> StoredStudent:
    """Cluster *student* into *path*, and measure it as float and as it lies there."""
    arrays: dict[str, Any] = student.arrays()
    float_errors = run.errors(distillation, student)
    source = run.folder / f"{path.stem}.npz"
    with written_aside(source) as aside:
        np.savez(aside, **arrays)
    quantize(source, run.recipe.bits, path)
    student.assign(coding.read(path))
    embeddings = sum(array.size for name, array in arrays.items() if name.endswith("_embedding"))
    return StoredStudent(
        file=path.name,
        sha256=sha256(path),
        bytes=path.stat().st_size,
        parameters=sum(array.size for array in arrays.values()) - embeddings,
        embedding_parameters=embeddings,
        errors=run.errors(distillation, student),
        float_errors=float_errors,
    )


def cosines(recipe: DistillRecipe) -> list[tuple[float, int]]:
    """Peak and steps of each cosine of the learning rate; a phase without a rate goes on along the one before."""
    found: list[tuple[float, int]] = []
    for phase in recipe.phases:
        if phase.learning_rate is None and found:
            peak, steps = found.pop()
            found.append((peak, steps + phase.steps))
        else:
            found.append((phase.learning_rate or recipe.learning_rate, phase.steps))
    return found


@dataclass
class Run:
    """One distillation of the network *teacher* with its folder of unfinished work; crops are cut from *material*."""

    recipe: DistillRecipe
    folder: Path
    material: Material
    teacher: Weights
    say: Callable[[str], None] = lambda _: None

    @cached_property
    def held(self) -> np.ndarray:
        """The crops that students are judged on."""
        from export_pipeline.distill.material import held_crops

        return held_crops(self.material)

    def errors(self, distillation: Distillation, student: Student) -> tuple[float, ...]:
        """The errors of *student* at each stage, mean over the held-out crops."""
        batches = [self.held[first : first + HELD_BATCH] for first in range(0, len(self.held), HELD_BATCH)]
        found = [student.errors(batch, distillation.teach(batch)) for batch in batches]
        return tuple(round(float(error), 6) for error in np.mean(found, 0))

    def trained(self) -> Distillation:
        """The student and, where the recipe asks for it, the baseline, trained, with their teacher.

        It goes on from the newest state in the folder where there is one.

        Raises:
            CheckpointError: that state is of another recipe.
            TrainingError: an error is not finite.
        """
        from export_pipeline.distill.student import Distillation, Student, calibrated, slimmed  # isort: skip - loads TensorFlow quietly
        import tensorflow as tf
        import tf_keras as keras

        from export_pipeline.train.fit import Schedules

        recipe, teacher = self.recipe, self.teacher
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(recipe.seed)
        kinds = (True, False) if recipe.baseline else (True,)
        rate = Schedules(cosines(recipe))
        found = Distillation(teacher, [Student(teacher, recipe.width, embedded, rate) for embedded in kinds])
        first = self._restore([variable for student in found.students for variable in student.state])
        if first == 0:
            phase = recipe.phases[0]
            weights = calibrated(slimmed(teacher, recipe.width), teacher, self._crops(0, FIRST_CROPS, phase))
            for student in found.students:
                student.begin(weights)
            found.students[0].fit_embeddings(self._taught(found, 0, FIRST_CROPS, phase))
        self._train(found, first)
        for student in found.students:
            student.finish()
        last = recipe.phases[-1]
        # Least squares makes what it cannot foresee smaller, and Gram matrices with it: not where those were learned.
        if not last.gram_weight:
            self.say("fitting the embeddings")
            images = sum(phase.steps * phase.batch_size for phase in recipe.phases)
            found.students[0].fit_embeddings(self._taught(found, images, LAST_CROPS, last))
        return found

    def _crop(self, number: int, phase: Phase) -> np.ndarray:
        from export_pipeline.distill.material import varied_crop

        return varied_crop(self.material, self.recipe.seed, number, phase.crop, phase.painted)

    def _crops(self, first: int, count: int, phase: Phase) -> np.ndarray:
        """*count* crops from number *first* on, as *phase* has them."""
        return np.stack([self._crop(number, phase) for number in range(first, first + count)])

    def _taught(self, distillation: Distillation, first: int, count: int, phase: Phase) -> Iterator[Any]:
        """Crops from number *first* on with the teacher's features of them, a few at a time."""
        for number in range(first, first + count, HELD_BATCH):
            crops = self._crops(number, min(HELD_BATCH, first + count - number), phase)
            yield crops, distillation.teach(crops)

    def _train(self, distillation: Distillation, first: int) -> None:
        log = self.log()[: first // LOG_EVERY]
        recent: list[np.ndarray] = []
        begun = time.perf_counter()
        for step, (batch, gram_weight) in enumerate(self._batches(first), first + 1):
            errors = distillation.step(batch, gram_weight).numpy()
            if not np.isfinite(errors).all():
                raise TrainingError(f"the error is not finite at step {step}; try a smaller learning_rate")
            recent.append(errors)
            if step % LOG_EVERY == 0:
                log.append({"step": step, "errors": [[round(float(x), 5) for x in row] for row in np.mean(recent, 0)]})
                recent = []
                seconds = (time.perf_counter() - begun) / (step - first)
                self.say(f"step {step} of {self.recipe.steps}, {seconds:.2f} s each: {log[-1]['errors']}")
            if step % self.recipe.checkpoint_every == 0 or step == self.recipe.steps:
                write_text(self.folder / LOG, "".join(json.dumps(row) + "\n" for row in log))
                self._save(step, [variable for student in distillation.students for variable in student.state])

    def _batches(self, first: int) -> Iterator[tuple[Any, float]]:
        """Batches of the steps after *first*, phase by phase, and the weight of Gram matrices with each."""
        import tensorflow as tf

        begins, images = 0, 0
        for phase in self.recipe.phases:
            skipped = min(max(first - begins, 0), phase.steps)
            start, stop = images + skipped * phase.batch_size, images + phase.steps * phase.batch_size
            shape = (phase.crop, phase.crop, 3)

            def load(index: Any, phase: Phase = phase) -> np.ndarray:
                return self._crop(int(index), phase)

            def load_tensor(index: Any, load: Any = load, shape: Any = shape) -> Any:
                return tf.ensure_shape(tf.numpy_function(load, [index], tf.float32, stateful=False), shape)

            data = tf.data.Dataset.range(start, stop).map(load_tensor, num_parallel_calls=2, deterministic=True)
            for batch in data.batch(phase.batch_size).prefetch(2):
                yield batch, phase.gram_weight
            begins, images = begins + phase.steps, stop

    def log(self) -> list[dict[str, Any]]:
        """The errors by step, as of the newest state."""
        path = self.folder / LOG
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def _save(self, step: int, variables: Sequence[Any]) -> None:
        arrays: dict[str, Any] = {f"{index:04d}": variable.numpy() for index, variable in enumerate(variables)}
        with written_aside(self.folder / STATE) as aside:
            about: dict[str, Any] = {"version": STATE_VERSION, "step": step, "images": self.material.sha256}
            np.savez(aside, recipe=self._deciding(), **about, **arrays)

    def _deciding(self) -> str:
        """What of the recipe decides the outcome."""
        return self.recipe.model_dump_json(exclude=set(UNDECIDED))

    def _restore(self, variables: Sequence[Any]) -> int:
        """Assign the newest state, if there is one; the steps that it has."""
        path = self.folder / STATE
        if not path.is_file():
            return 0
        other_version = f"{path} is of another version of export-pipeline. Start over with --fresh."
        try:
            with np.load(path, allow_pickle=False) as data:
                if "version" not in data or int(data["version"]) != STATE_VERSION:
                    raise CheckpointError(other_version)
                arrays = [data[f"{index:04d}"] for index in range(len(variables))]
                recipe, images, step = str(data["recipe"]), str(data["images"]), int(data["step"])
            # What a recipe of before could not say has its default.
            there, here = DistillRecipe.model_validate_json(recipe).model_dump(), self.recipe.model_dump()
        except ValidationError as error:
            raise CheckpointError(other_version) from error
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise CheckpointError(f"{path} is damaged: {error}. Start over with --fresh.") from error
        for undecided in UNDECIDED:
            there[undecided] = here[undecided]
        if changed := [key for key, value in here.items() if there.get(key) != value]:
            raise CheckpointError(
                f"{path} is of another recipe, which differs in {', '.join(changed)}.\n"
                "Use that recipe, another output, or --fresh."
            )
        if images != self.material.sha256:
            raise CheckpointError(f"{path} was trained on other images. Use those, another output, or --fresh.")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return step
