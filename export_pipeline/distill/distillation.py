"""A teacher and its students, who all see its features of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from export_pipeline.models.vgg import STAGES, activations, needed_layers
from export_pipeline.perception.vgg_weights import Weights

from export_pipeline.distill.student import ONLY_EMBEDDED, LossWeights, Student  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.distill.collaborator import Collaborator


class Distillation:
    """A *teacher*, its *students*, and its decoders as their *collaborator*, if they are asked.

    *repeated* is whether kernels see the outermost pixels repeated beyond the edges, in place of zeros.
    """

    def __init__(
        self,
        teacher: Weights,
        students: Sequence[Student],
        collaborator: Collaborator | None = None,
        repeated: bool = False,
    ) -> None:
        self.students = tuple(students)
        self.collaborator = collaborator
        constants = {layer: tuple(tf.constant(array) for array in teacher[layer]) for layer in needed_layers(STAGES)}
        self._compiled = partial(tf.function, reduce_retracing=True, autograph=False)  # nothing branches on a tensor
        self.teach = self._compiled(lambda images: activations(images, constants, STAGES, repeated))
        self._steps: dict[tuple[LossWeights, str | None], Any] = {}

    @property
    def state(self) -> list[Any]:
        """All variables of the students that decide how the training goes on."""
        return [variable for student in self.students for variable in student.state]

    def step(self, images: Any, weights: LossWeights = ONLY_EMBEDDED, turn: int = 0) -> tuple[Any, str | None, Any]:
        """One step of every student.

        Args:
            turn: number of the step, which says whose turn it is among the decoders.

        Returns:
            The errors of each student, ``(students, stages)``, the tap whose decoder was asked, and its error; ``None``
            and 0 where none was.
        """
        tap = self.collaborator.turn(turn) if self.collaborator and weights.collaborator else None
        if (weights, tap) not in self._steps:
            self._steps[weights, tap] = self._compiled(partial(self._step, weights=weights, tap=tap))
        errors, rebuilt = self._steps[weights, tap](images)
        return errors, tap, rebuilt

    def _step(self, images: Any, weights: LossWeights, tap: str | None) -> tuple[Any, Any]:
        wanted, error = self.teach(images), None
        if self.collaborator and tap:
            error = partial(self.collaborator.error, tap, images, wanted)
        errors, rebuilt = zip(*(student.step(images, wanted, weights, error) for student in self.students), strict=True)
        return tf.stack(errors), rebuilt[0]
