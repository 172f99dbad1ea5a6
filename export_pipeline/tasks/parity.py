"""Parity: a network of the user's own, from a file, whose files give what it gives.

There is nothing to train by; what compression costs is measured against the network in the file, and by a metric of
the user's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from typing_extensions import Self

from export_pipeline.base import images
from export_pipeline.base.files import files_of, names_sha256, sha256
from export_pipeline.errors import ModelError, RecipeError, UsageError, near
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.parity import AS_STORED, DEVIATION, NO_OBJECTIVE, ParityRecipe
from export_pipeline.records.metric import Values
from export_pipeline.records.signature import Port, Signature, picture, tensor
from export_pipeline.tasks.own_metric import OwnMetric
from export_pipeline.tasks.own_samples import Samples, listed, own_samples, samples_sha256, takes_images
from export_pipeline.tasks.task import (
    Arrays,
    Evaluator,
    Given,
    Objective,
    Origin,
    Sample,
    SampleEvaluator,
    Task,
    spread,
)

SHOWN = 2
TYPES = ("float32", "int32")  # of inputs, which every format has


@final
@dataclass(frozen=True, eq=False)
class Parity(Task):
    """A network and its samples: ``training`` to calibrate on, ``held`` to verify on.

    ``read`` is the network as the file has it, ``network`` the same in the sizes of the recipe, layer by layer.
    """

    name = "parity"
    title = "Neural network"

    recipe: ParityRecipe
    read: Any
    network: Given
    ports: Signature
    training: Samples
    held: Samples
    metric: OwnMetric | None = None

    @classmethod
    def open(cls, recipe: Recipe, origin: Origin | None = None) -> Self:
        """Read the network and look at the samples; try the metric on one of them."""
        assert isinstance(recipe, ParityRecipe)
        made = cls._of(recipe, *read(recipe.path(recipe.model.file)))
        if recipe.verify.metric is not None:
            made = replace(made, metric=OwnMetric.load(recipe.verify.metric, recipe.path(".")))
            made.evaluator().of(made.held[0]).baseline()
        return made

    @classmethod
    def _of(cls, recipe: ParityRecipe, read: Any, fingerprint: Mapping[str, str]) -> Self:
        from export_pipeline.formats.keras.flat import flattened

        inputs = inputs_of(read, recipe)
        low, high = recipe.model.pixels or AS_STORED
        scales = {port.name: ((high - low) / 255, low) for port in inputs if port.color and recipe.model.scale_pixels}
        model = flattened(
            read, recipe.model.file, [port.shape for port in inputs], [scales.get(p.name) for p in inputs]
        )
        signature = Signature(inputs=inputs, outputs=outputs_of(model, inputs, recipe))
        if takes_images(inputs[0]):  # what is measured is noted under the size that it has
            sides = {"height": inputs[0].shape[1], "width": inputs[0].shape[2]}
            recipe = recipe.model_copy(update={"export": recipe.export.model_copy(update=sides)})
        return cls(recipe, read, Given(model, fingerprint), signature, *own_samples(recipe, signature))

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same network for *recipe*."""
        assert isinstance(recipe, ParityRecipe)
        if (recipe.model, recipe.export, recipe.verify) == (self.recipe.model, self.recipe.export, self.recipe.verify):
            return replace(self, recipe=recipe)
        return replace(self._of(recipe, self.read, self.network.fingerprint), metric=self.metric)

    @property
    def signature(self) -> Signature:
        """As the network has it, with the sizes and names of the recipe."""
        return self.ports

    def given(self) -> Given | None:
        """The network of the file."""
        return self.network

    def batches(self, first_step: int, last_step: int) -> Any:
        """There are none."""
        raise UsageError(NO_OBJECTIVE.format(key="training"))

    def objective(self) -> Objective:
        """There is none."""
        raise UsageError(NO_OBJECTIVE.format(key="training"))

    def examples(self, count: int) -> list[np.ndarray]:
        """Samples that are not verified on, as the network takes them."""
        found = [self.training[index].inputs for index in spread(len(self.training), count)]
        return [np.stack([inputs[port.name] for inputs in found]) for port in self.ports.inputs]

    def calibration(self) -> list[Arrays]:
        """Samples that are not verified on."""
        wanted = spread(len(self.training), self.recipe.export.calibration_images)
        return [self.training[index].inputs for index in wanted]

    def validation(self) -> list[Sample]:
        """The samples that are held out."""
        return [self.held[index] for index in spread(len(self.held), self.recipe.verify.images)]

    def shown(self) -> list[Sample]:
        """Two of those, which the bundle then shows and holds."""
        return [self.held[index] for index in spread(len(self.held), SHOWN)]

    def unread(self) -> tuple[str, ...]:
        """Of a folder of samples."""
        return self.training.unread

    def learned_from(self) -> dict[str, str]:
        """The file of the network."""
        return dict(self.network.fingerprint)

    def training_sources(self) -> dict[str, Any]:
        """Of the network and the samples."""
        return {"network": self.network.fingerprint, "samples": samples_sha256(self.recipe)}

    def validation_sources(self) -> dict[str, Any]:
        """Of the samples."""
        return {"held": names_sha256(self.held.names), "samples": samples_sha256(self.recipe)}

    def evaluator(self) -> Evaluator:
        """What compares outputs with those of the network in the file, and by the metric of the recipe."""
        return _AgainstTheFile(self)

    def picture(self, values: Arrays) -> np.ndarray | None:
        """The image that goes in; what outputs mean is not known."""
        port = self.ports.inputs[0]
        return images.to_uint8(values[port.name]) if port.color and port.name in values else None


def read(path: Path) -> tuple[Any, dict[str, str]]:
    """The network in the file or folder *path*, and its hash.

    Raises:
        ModelError: as :func:`export_pipeline.formats.keras.loading.load`.
    """
    from export_pipeline.formats.keras.loading import load

    model = load(path)
    found = sorted(f"{file.relative_to(path.parent).as_posix()} {sha256(file)}" for file in files_of(path))
    return model, {"network_sha256": names_sha256(found)}


def inputs_of(model: Any, recipe: ParityRecipe) -> tuple[Port, ...]:
    """What *model* takes, float32 or int32 with a batch of one, with the names and sizes of *recipe*.

    Raises:
        ModelError: an input has a type that no file could have.
        RecipeError: the recipe names inputs that are not there, or gives another size than the network's.
    """
    table = recipe.model
    names = _names("inputs", table.inputs, model.input_names)
    ports = tuple(_input(each, name, recipe) for each, name in zip(model.inputs, names, strict=True))
    for name in table.ranges:
        if name not in names:
            raise RecipeError(f"model.ranges has {name!r}, which is no input; {near(name, names)}")
    if table.pixels is not None and not any(map(takes_images, ports)):
        raise RecipeError(f"model.pixels has no effect: no input takes images, only {listed(ports)}; leave it out")
    return ports


def outputs_of(model: Any, inputs: tuple[Port, ...], recipe: ParityRecipe) -> tuple[Port, ...]:
    """What *model*, of the sizes of *inputs*, gives.

    Raises:
        ModelError, RecipeError: as of :func:`inputs_of`.
    """
    names = _names("outputs", recipe.model.outputs, model.output_names)
    if clash := sorted({port.name for port in inputs} & {*names}):
        raise RecipeError(f"the network has an input and an output called {clash[0]}; rename one with model.outputs")
    return tuple(_output(each, name) for each, name in zip(model.outputs, names, strict=True))


def _names(side: str, wanted: tuple[str, ...], own: list[str]) -> list[str]:
    if wanted and len(wanted) != len(own):
        raise RecipeError(f"model.{side} has {len(wanted)} names; the network has {len(own)} {side}: {', '.join(own)}")
    names = list(wanted or own)
    odd = [name for name in names if not name.isidentifier() or not name.isascii()]
    odd += [name for name in names if names.count(name) > 1]
    if odd:
        raise RecipeError(
            f"{odd[0]!r} cannot be the name of one of the {side} in every format; give names of letters, digits and _, "
            f"each another: model.{side} = [{', '.join(repr(name) for name in own)}]".replace("'", '"')
        )
    return names


def _input(tensor_: Any, name: str, recipe: ParityRecipe) -> Port:
    shape, dtype = tuple(tensor_.shape), tensor_.dtype.name
    if dtype not in TYPES:
        raise ModelError(f"the input {name} takes {dtype}; allowed: {', '.join(TYPES)}. Build the network with those.")
    whole = (1, *_sides(shape, name, recipe))
    port = Port(name=name, shape=whole, dtype=dtype)
    if not takes_images(port) or recipe.model.pixels is None:
        return port
    if (recipe.model.scale_pixels or recipe.model.pixels == AS_STORED) and whole[3] == 3:
        return picture(name, *whole[1:3])
    return tensor(name, whole, *recipe.model.pixels)


def _sides(shape: tuple[int | None, ...], name: str, recipe: ParityRecipe) -> tuple[int, ...]:
    """The lengths of the axes of an input without the batch; those that are open are the recipe's."""
    keys = {4: ("height", "width"), 3: ("length",)}.get(len(shape), ())
    found: list[int] = []
    for axis, own in enumerate(shape[1:]):
        key = keys[axis] if axis < len(keys) else ""
        wanted = bool(key) and (own is None or key in recipe.export.model_fields_set)
        said: int | None = getattr(recipe.export, key) if wanted else None
        if own is None and said is None:
            todo = f"give export.{key}" if key else "build the network for one size"
            raise RecipeError(f"the input {name} {shape} leaves axis {axis + 1} open; {todo}")
        if own is not None and said is not None and own != said:
            raise RecipeError(f"export.{key} is {said}; the network takes {own} at the input {name}. Leave it out")
        length = said if own is None else own
        assert length is not None
        found.append(length)
    return tuple(found)


def _output(tensor_: Any, name: str) -> Port:
    shape = tuple(tensor_.shape)
    if tensor_.dtype.name != "float32":
        raise ModelError(
            f"the output {name} gives {tensor_.dtype.name}; allowed: float32. End the network before that."
        )
    if None in shape[1:]:
        raise ModelError(
            f"the output {name} {shape} has no size that is known beforehand. End the network before that."
        )
    return tensor(name, (1, *shape[1:]))


@dataclass(frozen=True)
class _AgainstTheFile(Evaluator):
    task: Parity

    def of(self, sample: Sample) -> SampleEvaluator:
        return _Against(self.task, sample, self.task.infer(self.task.network.model, sample.inputs))


@dataclass(frozen=True, eq=False)
class _Against(SampleEvaluator):
    task: Parity
    sample: Sample
    reference: Arrays

    def measure(self, outputs: Arrays) -> Values:
        found = {DEVIATION.name: _deviation(outputs, self.reference)}
        metric, row = self.task.metric, self.task.recipe.verify.own_metric
        return found if metric is None or row is None else {**found, row.name: metric("a file", self._given(outputs))}

    def baseline(self) -> Values:
        """Of outputs of zeros; by the metric of the recipe only where those are its baseline.

        That metric must have a value for the network itself, and for its baseline.
        """
        zeros = {name: np.zeros_like(array) for name, array in self.reference.items()}
        found = {DEVIATION.name: _deviation(zeros, self.reference)}
        metric, row = self.task.metric, self.task.recipe.verify.own_metric
        if metric is None or row is None:
            return found
        metric.finite("what the network gives", self._given(self.reference))
        return {**found, row.name: metric.finite("zeros", self._given(zeros)) if row.without else np.nan}

    def _given(self, outputs: Arrays) -> dict[str, Any]:
        known = {"reference": self.reference, "truth": self.sample.truth, "inputs": self.sample.inputs}
        return {"outputs": outputs, **known}


def _deviation(outputs: Arrays, reference: Arrays) -> float:
    """The mean over the outputs of the distance to those of *reference*, over the length of those."""
    shares = []
    for name, wanted in reference.items():
        distance, length = (float(np.linalg.norm(each.astype(np.float64))) for each in (outputs[name] - wanted, wanted))
        shares.append(distance / length if length else 0.0 if distance == 0 else np.inf)
    return float(np.mean(shares))
