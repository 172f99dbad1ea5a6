"""What a task is: the signature of its networks, its samples, what training minimizes, and what says how good it is.

The stages know nothing else of it. A task is opened once for a recipe and reads what the recipe names; from then on it
is handed from stage to stage.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from typing_extensions import Self

from export_pipeline.base.cores import cores
from export_pipeline.recipe import Recipe
from export_pipeline.records.metric import Metric, Values, mean_values
from export_pipeline.records.signature import Signature

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Sample:
    """What a network takes, by the names of its inputs, and what is known of the right output.

    Images are ``(H, W, 3)`` RGB uint8; other arrays have no batch dimension either.
    """

    inputs: Arrays
    truth: Arrays = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Given:
    """A Keras network that comes with a recipe, and hashes of its file; their names end in ``_sha256``."""

    model: Any
    fingerprint: Mapping[str, str]


@dataclass(frozen=True)
class Origin:
    """Where a network comes from that is taken over as it is.

    Attributes:
        file: its checkpoint.
        hashes: of what it was trained on; the names end in ``_sha256``. ``None`` is one that is not known.
        inherited: keys of ``[train]`` that are the checkpoint's, for the recipe has none of its own.
    """

    file: str
    hashes: Mapping[str, str | None]
    inherited: frozenset[str]


@dataclass(frozen=True)
class Phase:
    """A part of a training: *part* names it and its folder, and *recipe* says how it is trained."""

    part: str
    recipe: Recipe


class Objective(abc.ABC):
    """What a training minimizes.

    Attributes:
        terms: names of the losses in order, ``total`` first.
        fingerprint: SHA-256 of what is learned from; the names end in ``_sha256``. Checkpoints keep it, and one with
            another is not gone on with.
    """

    terms: tuple[str, ...]
    fingerprint: dict[str, str]

    @abc.abstractmethod
    def __call__(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Each loss ``(N,)`` by its name, of tensors ``(N, ...)`` by the names of inputs, truths and outputs."""

    def of_network(self, batch: Mapping[str, Any], call: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
        """As the call, for the network that *call* computes the outputs of a batch with: more than once, if need be."""
        return self(batch, call(batch))


class SampleEvaluator(abc.ABC):
    """Measures outputs for one sample, and knows what of it need be worked out only once."""

    @abc.abstractmethod
    def measure(self, outputs: Arrays) -> Values:
        """Every metric of the task, of the outputs that a network gives for the sample, by output name."""

    @abc.abstractmethod
    def baseline(self) -> Values:
        """Every metric of what can be had without a network, such as the untouched photograph."""


class Evaluator(abc.ABC):
    """Measures how good outputs are by the metrics of the task."""

    @abc.abstractmethod
    def of(self, sample: Sample) -> SampleEvaluator:
        """The one for *sample*."""


class Task(abc.ABC):
    """A task with all that a recipe names read in.

    Attributes:
        name: its key in :data:`export_pipeline.tasks.TASKS` and the recipe.
        title: what it is called in the description of a Core ML file.
        recipe: that it was opened for, or of the phase that it is for.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    recipe: Recipe

    @classmethod
    @abc.abstractmethod
    def open(cls, recipe: Recipe, origin: Origin | None = None) -> Self:
        """Read what *recipe* names.

        Args:
            origin: of the network, where it is taken over as it is.

        Raises:
            ImageError, RecipeError: something cannot be read.
        """

    @abc.abstractmethod
    def with_recipe(self, recipe: Recipe) -> Self:
        """The same material for *recipe*, which differs from the task's own in settings only."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """By which outputs are measured."""
        return self.recipe.metrics

    @property
    @abc.abstractmethod
    def signature(self) -> Signature:
        """What the float network takes and gives at the size that is exported."""

    def given(self) -> Given | None:
        """The network, where it comes with the recipe and is not trained; ``None`` where it is built and trained."""
        return None

    # Training

    def phases(self) -> tuple[Phase, ...]:
        """The parts of the training, in order; what is fine-tuned afterwards is trained as the last one."""
        return (Phase("train", self.recipe),)

    @abc.abstractmethod
    def batches(self, first_step: int, last_step: int) -> Any:
        """A ``tf.data.Dataset`` of the steps asked for: tensors ``(batch, ...)`` by the names of inputs and truths.

        Batch number *i* is a function of the recipe and *i* alone, so that a training can go on at any step.
        """

    @abc.abstractmethod
    def objective(self) -> Objective:
        """What training by the recipe minimizes; loads what that takes."""

    def caller(self, model: Any, training: bool) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """*model*, a Keras network of the task, as a function from tensors by input name to tensors by output name."""
        inputs, outputs = ([port.name for port in ports] for ports in (self.signature.inputs, self.signature.outputs))

        def call(values: Mapping[str, Any]) -> dict[str, Any]:
            given = [values[name] for name in inputs]
            found = model(given[0] if len(given) == 1 else given, training=training)
            return dict(zip(outputs, found if isinstance(found, (list, tuple)) else [found], strict=True))

        return call

    def infer(self, model: Any, inputs: Arrays) -> dict[str, np.ndarray]:
        """What a Keras network of the task gives for the inputs of one sample, without batch dimensions, float32."""
        types = {port.name: port.dtype for port in self.signature.inputs}
        batch = {name: np.asarray(value, types[name])[None] for name, value in inputs.items()}
        return {name: np.asarray(value)[0] for name, value in self.caller(model, training=False)(batch).items()}

    # Samples

    @abc.abstractmethod
    def examples(self, count: int) -> list[np.ndarray]:
        """Training inputs of one size, evenly spread: ``(N, ...)`` for each input of the network, N at most *count*."""

    @abc.abstractmethod
    def calibration(self) -> list[Arrays]:
        """Training inputs at the exported size, evenly spread, that set the ranges of full-integer files."""

    @abc.abstractmethod
    def validation(self) -> list[Sample]:
        """Samples at the exported size that nothing was trained on, evenly spread."""

    @abc.abstractmethod
    def shown(self) -> list[Sample]:
        """A few samples at the exported size that may be shown and shipped; the first is the golden one."""

    def pictured(self) -> list[Sample]:
        """A few samples at the exported size for the picture of the report, which goes into the bundle."""
        return self.shown()

    # Where it all comes from

    @abc.abstractmethod
    def learned_from(self) -> dict[str, str]:
        """Hashes of what networks of the task are made from, as checkpoints keep them; the names end in ``_sha256``."""

    @abc.abstractmethod
    def training_sources(self) -> dict[str, Any]:
        """Hashes of what the files hold that a training reads: names may stand for other contents tomorrow."""

    @abc.abstractmethod
    def validation_sources(self) -> dict[str, Any]:
        """The same of the files that a network is judged by."""

    def fetch(self) -> bool:
        """Fetch what a build will need that is not at hand, before anything is made; whether anything was.

        Raises:
            WeightsError: it cannot be had.
        """
        return False

    def unread(self) -> tuple[str, ...]:
        """Names of files that a recipe's folders hold and that could not be read, and so were skipped."""
        return ()

    # Judging and showing

    @abc.abstractmethod
    def evaluator(self) -> Evaluator | str:
        """What measures outputs by the metrics, or why there is none here."""

    @abc.abstractmethod
    def picture(self, values: Arrays) -> np.ndarray | None:
        """Inputs or outputs as one image ``(H, W, 3)`` uint8; ``None`` where they cannot be shown."""

    def reference_picture(self, sample: Sample) -> tuple[str, np.ndarray] | None:
        """What the outputs for *sample* are shown beside, such as a style image or the truth, with its caption."""
        return None


def mean_measured(
    pairs: Iterable[tuple[SampleEvaluator, Arrays]], count: Callable[[int], None] = lambda done: None
) -> dict[str, float]:
    """The mean of each metric over outputs and what measures them, which is done side by side.

    *count* gets how many are done.
    """
    rows = []
    with ThreadPoolExecutor(cores()) as pool:
        for row in pool.map(lambda pair: pair[0].measure(pair[1]), pairs):
            rows.append(row)
            count(len(rows))
    return mean_values(rows)


def evaluators(evaluator: Evaluator, samples: Sequence[Sample]) -> list[SampleEvaluator]:
    """The one of each sample, worked out side by side."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(evaluator.of, samples))


def spread(count: int, wanted: int) -> Sequence[int]:
    """Indices of at most *wanted* of *count* things, evenly spread."""
    wanted = min(count, wanted)
    return [index * count // wanted for index in range(wanted)]
