"""The training of a distillation: phases, steps, the log of errors, and where an interrupted run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export_pipeline.base.counting import Count
from export_pipeline.distill.collaborator import Collaborator
from export_pipeline.distill.distillation import Distillation
from export_pipeline.distill.material import HELD_CROPS, Material, varied_crop
from export_pipeline.distill.slim import calibrated, slimmed
from export_pipeline.distill.state import State
from export_pipeline.distill.student import LossWeights, Student
from export_pipeline.errors import TrainingError
from export_pipeline.perception.codec import Codec
from export_pipeline.perception.vgg_weights import Weights
from export_pipeline.recipe.distill import DistillRecipe, Phase

import tensorflow as tf  # isort: skip - the modules above load it quietly
import tf_keras as keras

from export_pipeline.train.fit import Schedules

HELD_BATCH = 4


@dataclass(frozen=True)
class Amounts:
    """Numbers that no recipe names.

    Attributes:
        first_crops: of the first phase, that filters and embeddings start from.
        last_crops: of the last phase, new ones, that the embeddings are fitted to at the end.
        held_crops: of held-out photographs, that students are measured on.
        log_every: steps from one row of the log to the next; a checkpoint begins a new row, too.
    """

    first_crops: int = 32
    last_crops: int = 128
    held_crops: int = HELD_CROPS
    log_every: int = 50


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


@dataclass(frozen=True)
class Run:
    """One distillation of the network *teacher*; crops are cut from *material*, and *state* is what it goes on from.

    *start* has the arrays of a network that was distilled before; *decoders* are the teacher's.
    """

    recipe: DistillRecipe
    state: State
    material: Material
    teacher: Weights
    amounts: Amounts = Amounts()
    say: Callable[[str], None] = lambda _: None
    start: Mapping[str, np.ndarray] | None = None
    decoders: Codec | None = None

    def trained(self) -> Distillation:
        """The student and, where the recipe asks for it, the baseline, trained, with their teacher.

        It goes on from the newest state where there is one.

        Raises:
            CheckpointError: that state is of another recipe.
            TrainingError: an error is not finite.
        """
        recipe, teacher, amounts = self.recipe, self.teacher, self.amounts
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(recipe.seed)
        kinds = (True, False) if recipe.baseline else (True,)
        rate = Schedules(cosines(recipe))
        collaborator = Collaborator(self.decoders) if self.decoders else None
        repeated = recipe.edges == "repeated"
        students = [Student(teacher, recipe.width, kind, rate, repeated) for kind in kinds]
        found = Distillation(teacher, students, collaborator, repeated)
        first = self.state.restore(found.state)
        if first == 0 and self.start is not None:
            found.students[0].go_on_from(self.start)
        elif first == 0:
            self.say("what the student begins with")
            phase = recipe.phases[0]
            crops = self._crops(0, amounts.first_crops, phase)
            weights = calibrated(slimmed(teacher, recipe.width), teacher, crops, repeated)
            for student in found.students:
                student.begin(weights)
            found.students[0].fit_embeddings(self._taught(found, 0, amounts.first_crops, phase))
        self._train(found, first)
        for student in found.students:
            student.finish()
        last = recipe.phases[-1]
        if last.fits_embeddings:
            self.say("fitting the embeddings")
            images = sum(phase.steps * phase.batch_size for phase in recipe.phases)
            found.students[0].fit_embeddings(self._taught(found, images, amounts.last_crops, last))
        return found

    def _crop(self, number: int, phase: Phase) -> np.ndarray:
        return varied_crop(self.material, self.recipe.seed, number, phase.crop, phase.painted)

    def _crops(self, first: int, count: int, phase: Phase) -> np.ndarray:
        """*count* crops from number *first* on, as *phase* has them."""
        return np.stack([self._crop(number, phase) for number in range(first, first + count)])

    def _taught(self, distillation: Distillation, first: int, count: int, phase: Phase) -> Iterator[Any]:
        """Crops from number *first* on with the teacher's features of them, a few at a time."""
        told = Count(self.say, "crop", count)
        for number in range(first, first + count, HELD_BATCH):
            crops = self._crops(number, min(HELD_BATCH, first + count - number), phase)
            yield crops, distillation.teach(crops)
            told(number - first + len(crops))

    def _train(self, distillation: Distillation, first: int) -> None:
        log = [row for row in self.state.log() if row["step"] <= first]
        recent: list[np.ndarray] = []
        begun = time.perf_counter()
        told = Count(self.say, "step", self.recipe.steps, first)
        rebuilt: dict[str, list[float]] = {}
        for step, (batch, weights) in enumerate(self._batches(first), first + 1):
            found, tap, error = distillation.step(batch, weights, step - 1)
            errors = found.numpy()
            if not (np.isfinite(errors).all() and np.isfinite(error)):
                raise TrainingError(f"the error is not finite at step {step}; try a smaller learning_rate")
            recent.append(errors)
            if tap:
                rebuilt.setdefault(tap, []).append(float(error))
            told(step)
            saves = step % self.recipe.checkpoint_every == 0 or step == self.recipe.steps
            if saves or step % self.amounts.log_every == 0:
                log.append({"step": step, "errors": [[round(float(x), 5) for x in row] for row in np.mean(recent, 0)]})
                if rebuilt:
                    log[-1]["rebuilt"] = {tap: round(float(np.mean(rebuilt[tap])), 5) for tap in sorted(rebuilt)}
                recent, rebuilt = [], {}
                seconds = (time.perf_counter() - begun) / (step - first)
                told_errors = " ".join(str(part) for name, part in log[-1].items() if name != "step")
                self.say(f"step {step} of {self.recipe.steps}, {seconds:.2f} s each: {told_errors}")
            if saves:
                self.state.save(step, distillation.state, log)

    def _batches(self, first: int) -> Iterator[tuple[Any, LossWeights]]:
        """Batches of the steps after *first*, phase by phase, and how much each loss counts there."""
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
                yield batch, LossWeights(phase.embedding_weight, phase.gram_weight, phase.collaborator_weight)
            begins, images = begins + phase.steps, stop


def held_errors(distillation: Distillation, student: Student, held: np.ndarray) -> tuple[float, ...]:
    """The errors of *student* at each stage, mean over the crops *held*, ``(N, H, W, 3)`` RGB 0..255."""
    batches = [held[first : first + HELD_BATCH] for first in range(0, len(held), HELD_BATCH)]
    found = [student.errors(batch, distillation.teach(batch)) for batch in batches]
    return tuple(round(float(error), 6) for error in np.mean(found, 0))
