"""Style transfer by a feed-forward network: a photograph in, a picture in the style of one painting out.

Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from typing_extensions import Self

from export_pipeline.base import images
from export_pipeline.base.files import names_sha256, sha256_of
from export_pipeline.errors import RecipeError
from export_pipeline.perception.loss_network import LossNetwork, loss_network
from export_pipeline.perception.vgg_weights import at_hand, given_sha256, vgg_weights
from export_pipeline.recipe import BUILTIN, PerceptualTrainTable, Recipe, StyleTransferRecipe
from export_pipeline.records.metric import Values
from export_pipeline.records.signature import Signature, image_to_image
from export_pipeline.tasks import builtin
from export_pipeline.tasks.kept_style import kept_style
from export_pipeline.tasks.photographs import Photographs, crops, images_sha256, photographs, style_image
from export_pipeline.tasks.task import (
    Arrays,
    Evaluator,
    Objective,
    Origin,
    Phase,
    Sample,
    SampleEvaluator,
    Task,
    spread,
)

# What computes loads TensorFlow, which takes seconds: a task that is only looked at does without.
if TYPE_CHECKING:
    from export_pipeline.perception.judge import Reference, StyleJudge

IMAGE, STYLIZED = "image", "stylized"  # names of the input and the output
NO_JUDGE = "VGG-19's weights are not at hand, and verify.judge = 'cached' fetches none"
SHOWN = ("astronaut", "china")  # built-in photographs; the first is the golden one


@final
@dataclass(frozen=True, eq=False)
class StyleTransfer(Task):
    """The style image and the photographs of a recipe.

    Attributes:
        style: ``(H, W, 3)`` RGB uint8; ``None`` where the network is taken over and its style is not at hand.
        training, held: photographs to train on, and to judge on.
        loss_network_of: gives what the losses are seen through; by itself, what the recipe names.
        no_style: why there is no style.
    """

    name = "style_transfer"
    title = "Style transfer"

    recipe: StyleTransferRecipe
    style: np.ndarray | None
    training: Photographs
    held: Photographs
    loss_network_of: Callable[[StyleTransferRecipe], LossNetwork] = loss_network
    no_style: str = ""

    @classmethod
    def open(cls, recipe: Recipe, origin: Origin | None = None) -> Self:
        """Read the style image, and look at every photograph once."""
        assert isinstance(recipe, StyleTransferRecipe)
        style, no_style = (style_image(recipe), "") if origin is None else kept_style(recipe, origin)
        training, held = photographs(recipe)
        return cls(recipe, style, training, held, no_style=no_style)

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same images for *recipe*."""
        assert isinstance(recipe, StyleTransferRecipe)
        return replace(self, recipe=recipe)

    @property
    def signature(self) -> Signature:
        """An RGB image in, one of the same size out."""
        return image_to_image(self.recipe.export.height, self.recipe.export.width, IMAGE, STYLIZED)

    def phases(self) -> tuple[Phase, ...]:
        """The training, and where the recipe has a polish, its steps through VGG-19."""
        train, polish = self.recipe.train, self.recipe.train.polish
        if polish is None:
            return (Phase("train", self.recipe),)
        first = train.model_copy(update={"polish": None})
        last = first.model_copy(update={**polish.model_dump(), "loss_network": "vgg19"})
        tables = {"train": first, "polish": last}
        return tuple(Phase(part, self.recipe.model_copy(update={"train": table})) for part, table in tables.items())

    def batches(self, first_step: int, last_step: int) -> Any:
        """Random crops of the training photographs, ``(batch, crop, crop, 3)`` float32 0..255."""
        return crops(self.training, self.recipe, first_step, last_step).map(lambda photo: {IMAGE: photo})

    def objective(self) -> Objective:
        """The perceptual losses, seen through the loss network that the recipe names."""
        return _Perceptual(self, self.loss_network_of(self.recipe))

    def examples(self, count: int) -> list[np.ndarray]:
        """Training photographs cut to the size of crops: ``(N, crop, crop, 3)`` uint8."""
        side = self.recipe.train.crop
        found = [self.training[index] for index in spread(len(self.training), count)]
        return [np.stack([images.fit(photo, side, side) for photo in found])]

    def calibration(self) -> list[Arrays]:
        """Training photographs at the exported size."""
        wanted = spread(len(self.training), self.recipe.export.calibration_images)
        return [{IMAGE: self._fitted(self.training[index])} for index in wanted]

    def validation(self) -> list[Sample]:
        """Held-out photographs at the exported size."""
        wanted = spread(len(self.held), self.recipe.verify.images)
        return [Sample({IMAGE: self._fitted(self.held[index])}) for index in wanted]

    def shown(self) -> list[Sample]:
        """Built-in photographs, which are free to show; not those that were trained on."""
        found, hold_out = builtin.photographs(), self.recipe.train.hold_out
        held = self.recipe.train.content == BUILTIN and hold_out
        names = sorted(found)[-hold_out:][::-1] if held else list(SHOWN)
        return [Sample({IMAGE: self._fitted(found[name])}) for name in names[: len(SHOWN)]]

    def pictured(self) -> list[Sample]:
        """Held-out photographs, unless the recipe would rather have those that are free to show."""
        return self.shown() if self.recipe.verify.show == "built-in" else self.validation()[: len(SHOWN)]

    def learned_from(self) -> dict[str, str]:
        """The pixels of the style, and the names of the photographs."""
        style = {} if self.style is None else {"style_sha256": images.pixels_sha256(self.style)}
        return {**style, "photographs_sha256": names_sha256(self.training.names)}

    def training_sources(self) -> dict[str, Any]:
        """Of the style, the photographs, the warm start and VGG-19's weights."""
        recipe, train = self.recipe, self.recipe.train
        return {
            "style": None if self.style is None else images.pixels_sha256(self.style),
            "photographs": names_sha256(self.training.names),
            "content": None if train.content == BUILTIN else images_sha256(recipe.path(train.content)),
            "more_content": [images_sha256(recipe.path(written)) for written in train.more_content],
            "warm_start": train.warm_start and sha256_of(recipe.path(train.warm_start)),
            "vgg_weights": given_sha256(recipe),
        }

    def validation_sources(self) -> dict[str, Any]:
        """Of the held-out photographs."""
        content = self.recipe.verify.content
        found = content and images_sha256(self.recipe.path(content))
        judged = self.style is not None and (self.recipe.verify.judge == "always" or at_hand(self.recipe))
        return {"held": names_sha256(self.held.names), "verify.content": found, "judged": judged}

    def fetch(self) -> bool:
        """VGG-19's weights, where a training or the judge looks through it."""
        trained = any(phase.recipe.train.steps and _sees_vgg19(phase.recipe) for phase in self.phases())
        tuned = bool(self.recipe.compress.learns) and _sees_vgg19(self.phases()[-1].recipe)
        judged = self.style is not None and self.recipe.verify.judge == "always"
        if at_hand(self.recipe) or not (trained or tuned or judged):
            return False
        vgg_weights(self.recipe)
        return True

    def unread(self) -> tuple[str, ...]:
        """Of the photographs to train on and to judge on."""
        return tuple(dict.fromkeys((*self.training.unread, *self.held.unread)))

    def evaluator(self) -> Evaluator | str:
        """VGG-19, or why it is not asked: there is no style, or there is a download to make that the recipe forbids."""
        from export_pipeline.perception.judge import StyleJudge

        if self.style is None:
            return self.no_style
        if self.recipe.verify.judge == "cached" and not at_hand(self.recipe):
            return NO_JUDGE
        return Judged(StyleJudge(vgg_weights(self.recipe), self.style))

    def picture(self, values: Arrays) -> np.ndarray | None:
        """The photograph or the picture itself."""
        return images.to_uint8(values[STYLIZED if STYLIZED in values else IMAGE])

    def reference_picture(self, sample: Sample) -> tuple[str, np.ndarray] | None:
        """The style image."""
        return None if self.style is None else ("style", self.style)

    def _fitted(self, photo: np.ndarray) -> np.ndarray:
        return images.fit(photo, self.recipe.export.height, self.recipe.export.width)


def _sees_vgg19(recipe: Recipe) -> bool:
    assert isinstance(recipe, StyleTransferRecipe)
    return recipe.train.loss_network == "vgg19"


class _Perceptual(Objective):
    def __init__(self, task: StyleTransfer, network: LossNetwork) -> None:
        from export_pipeline.perception.losses import PerceptualLoss, loss_names

        if task.style is None:
            raise RecipeError(task.no_style)
        self.terms = loss_names(task.recipe.train)
        self._losses = PerceptualLoss(network, task.style, task.recipe.train)
        self._table = task.recipe.train
        self.fingerprint = {**task.learned_from(), "loss_network_sha256": network.sha256}

    def __call__(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        return self._losses(batch[IMAGE], outputs[STYLIZED])

    def of_network(self, batch: Mapping[str, Any], call: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
        """With the stability loss, where it has a weight."""
        return with_stability(self, batch, call, self._table)


def with_stability(
    objective: Objective,
    batch: Mapping[str, Any],
    call: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    table: PerceptualTrainTable,
) -> dict[str, Any]:
    """The losses of *objective*, and by its weight in *table* the stability loss.

    It is of what *call* makes of other frames of the photographs: with noise, cut, moved and lit as *table* says.
    """
    from export_pipeline.perception.losses import STABILITY
    from export_pipeline.perception.stability import Disturbance, stability

    outputs = call(batch)
    losses = objective(batch, outputs)
    if not table.stability_weight:
        return losses
    of_another = Disturbance(table.stability_cut, table.stability_shift, table.stability_light)
    found = stability(
        lambda frame: call({**batch, IMAGE: frame})[STYLIZED], batch[IMAGE], outputs[STYLIZED], of_another
    )
    return {**losses, STABILITY: found, "total": losses["total"] + table.stability_weight * found}


@dataclass(frozen=True)
class Judged(Evaluator):
    """Measures pictures by a judge of the style."""

    judge: StyleJudge

    def of(self, sample: Sample) -> SampleEvaluator:
        """The one for the photograph of *sample*."""
        photograph = sample.inputs[IMAGE]
        return JudgedPhotograph(self.judge, photograph, self.judge.reference(photograph))


@dataclass(frozen=True, eq=False)
class JudgedPhotograph(SampleEvaluator):
    """Measures pictures of one photograph."""

    judge: StyleJudge
    photograph: np.ndarray
    reference: Reference

    def measure(self, outputs: Arrays) -> Values:
        """All distances of the picture."""
        return self.judge.distances(outputs[STYLIZED], self.reference).model_dump()

    def baseline(self) -> Values:
        """All distances of the photograph itself."""
        return self.judge.distances(self.photograph, self.reference).model_dump()
