"""A teacher and its students, who all see its features of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from export_pipeline.models.vgg import STAGES, activations, needed_layers
from export_pipeline.perception.vgg_weights import Weights

from export_pipeline.distill.student import ONLY_EMBEDDED, Share, Student  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.distill.collaborator import Collaborator


class Distillation:
    """A *teacher*, its *students*, and its decoders as their *collaborator*, if they are asked.

    With a collaborator all kernels see the outermost pixels repeated, as its decoders know the features.
    """

    def __init__(self, teacher: Weights, students: Sequence[Student], collaborator: Collaborator | None = None) -> None:
        self.students = tuple(students)
        self.collaborator = collaborator
        constants = {layer: tuple(tf.constant(array) for array in teacher[layer]) for layer in needed_layers(STAGES)}
        self._compiled = partial(tf.function, reduce_retracing=True, autograph=False)  # nothing branches on a tensor
        self.teach = self._compiled(lambda images: activations(images, constants, STAGES, collaborator is not None))
        self._steps: dict[tuple[Share, str | None], Any] = {}

    @property
    def state(self) -> list[Any]:
        """All variables of the students that decide how the training goes on."""
        return [variable for student in self.students for variable in student.state]

    def step(self, images: Any, share: Share = ONLY_EMBEDDED, turn: int = 0) -> tuple[Any, str | None, Any]:
        """One step of every student.

        Args:
            turn: number of the step, which says whose turn it is among the decoders.

        Returns:
            The errors of each student, ``(students, stages)``, the tap whose decoder was asked, and its error; ``None``
            and 0 where none was.
        """
        tap = self.collaborator.turn(turn) if self.collaborator and share.collaborator else None
        if (share, tap) not in self._steps:
            self._steps[share, tap] = self._compiled(partial(self._step, share=share, tap=tap))
        errors, rebuilt = self._steps[share, tap](images)
        return errors, tap, rebuilt

    def _step(self, images: Any, share: Share, tap: str | None) -> tuple[Any, Any]:
        wanted, error = self.teach(images), None
        if self.collaborator and tap:
            error = partial(self._error, self.collaborator, tap, images, wanted)
        found = []
        for student in self.students:
            # Without an embedding the decoders cannot read its features.
            own = share if student.embeddings else replace(share, embedding=1.0, collaborator=0.0)
            found.append(student.step(images, wanted, own, error))
        errors, rebuilt = zip(*found, strict=True)
        return tf.stack(errors), rebuilt[0]

    @staticmethod
    def _error(collaborator: Collaborator, tap: str, images: Any, wanted: list[Any], embedded: list[Any]) -> Any:
        return collaborator.error(tap, embedded[STAGES.index(tap)], images, wanted)
