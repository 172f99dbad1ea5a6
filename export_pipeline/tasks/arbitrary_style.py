"""Arbitrary style transfer: a photograph, the statistics of a painting and a strength in, a picture out.

The network learns from many paintings and their variants, and is judged on paintings that it was not trained on. What
a painting's statistics are, the frozen style encoder says (:mod:`.style_encoding`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from typing_extensions import Self

from export_pipeline.base import images
from export_pipeline.base.files import names_sha256, sha256_of
from export_pipeline.perception.loss_network import LossNetwork, loss_network
from export_pipeline.perception.vgg_weights import at_hand, given_sha256, vgg_weights
from export_pipeline.recipe import BUILTIN, ArbitraryStyleRecipe, Recipe
from export_pipeline.records.signature import Signature, picture, tensor
from export_pipeline.tasks import builtin
from export_pipeline.tasks.paintings import Paintings, paintings, variants
from export_pipeline.tasks.photographs import Photographs, crops, images_sha256, photographs
from export_pipeline.tasks.style_encoding import ENCODER_SHA256, check_encoder, encode, encoder_sha256
from export_pipeline.tasks.style_transfer import IMAGE, NO_JUDGE, SHOWN, STYLIZED, JudgedPhotograph, with_stability
from export_pipeline.tasks.task import Arrays, Evaluator, Objective, Origin, Sample, SampleEvaluator, Task, spread

# What computes loads TensorFlow, which takes seconds: a task that is only looked at does without.
if TYPE_CHECKING:
    from export_pipeline.perception.judge import StyleJudge

STYLE, STRENGTH = "style", "strength"  # further inputs
VARIANT, PAINTING = "variant", "painting"  # what is known of a batch, and of a sample: indices of styles
IDENTITY = "identity"
SOFT = 3.0  # above it a loss to a style counts less and less
LEAST_DEVIATION = 12.0  # of the colours of a style, levels of 255: else those in gray would rule
OF_STYLE = ("style", "color", "wasserstein")  # losses
# Of samples: what part has the style in full, and what part none of it. The rest is between.
WHOLE, NONE = 0.9, 0.02
OWN_PAINTING = -1


@final
@dataclass(frozen=True, eq=False)
class ArbitraryStyle(Task):
    """The photographs and paintings of a recipe: ``training`` to train on, ``held`` to judge on."""

    name = "arbitrary_style"
    title = "Arbitrary style transfer"

    recipe: ArbitraryStyleRecipe
    styles: Paintings
    training: Photographs
    held: Photographs
    loss_network_of: Callable[[ArbitraryStyleRecipe], LossNetwork] = loss_network

    @classmethod
    def open(cls, recipe: Recipe, origin: Origin | None = None) -> Self:
        """Look at every painting and photograph once.

        Raises:
            CheckpointError: the network that is taken over was told styles by another encoder.
        """
        assert isinstance(recipe, ArbitraryStyleRecipe)
        if origin is not None:
            check_encoder(origin.hashes, origin.file)
        return cls(recipe, paintings(recipe), *photographs(recipe))

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same images for *recipe*."""
        assert isinstance(recipe, ArbitraryStyleRecipe)
        return replace(self, recipe=recipe)

    @property
    def signature(self) -> Signature:
        """An RGB image, statistics of a style and a strength in, an image of the same size out."""
        from export_pipeline.models.adain import STATISTICS

        height, width = self.recipe.export.height, self.recipe.export.width
        style = tensor(STYLE, (1, 1, 1, STATISTICS))
        return Signature(
            inputs=(picture(IMAGE, height, width), style, tensor(STRENGTH, (1, 1, 1, 1), 0.0, 1.0)),
            outputs=(picture(STYLIZED, height, width),),
        )

    def batches(self, first_step: int, last_step: int) -> Any:
        """Random crops of the photographs, each with a style, its number, and a strength."""
        import tensorflow as tf

        table = self.recipe.train
        encoded = tf.constant(np.concatenate([encode(image)[None] for image in self.variants]))

        def chosen(index: Any) -> tuple[np.ndarray, np.ndarray]:
            return style_of(self.recipe.seed, int(index), table.style_variants)

        def load(index: Any) -> dict[str, Any]:
            variant, strength = tf.numpy_function(chosen, [index], (tf.int32, tf.float32), stateful=False)
            variant, strength = tf.ensure_shape(variant, ()), tf.reshape(strength, (1, 1, 1))
            return {STYLE: tf.gather(encoded, variant), STRENGTH: strength, VARIANT: variant}

        numbers = tf.data.Dataset.range(first_step * table.batch_size, last_step * table.batch_size)
        told = numbers.map(load).batch(table.batch_size)
        photos = crops(self.training, self.recipe, first_step, last_step)
        return tf.data.Dataset.zip((photos, told)).map(lambda photo, rest: {IMAGE: photo, **rest})

    @cached_property
    def variants(self) -> list[np.ndarray]:
        """The styles that are trained on, by their numbers. Made once: painting a photograph takes a quarter second."""
        return variants(self.recipe, self.styles.training, self.training)

    def objective(self) -> Objective:
        """The perceptual losses, of each sample against its own style."""
        return _Perceptual(self, self.loss_network_of(self.recipe))

    def examples(self, count: int) -> list[np.ndarray]:
        """Training photographs cut to the size of crops, each with a painting in full strength."""
        side = self.recipe.train.crop
        found = [self.training[index] for index in spread(len(self.training), count)]
        inputs = [self._inputs(images.fit(photo, side, side), index) for index, photo in enumerate(found)]
        return [np.stack([each[port.name] for each in inputs]) for port in self.signature.inputs]

    def calibration(self) -> list[Arrays]:
        """Training photographs at the exported size, each with a painting in full strength."""
        wanted = spread(len(self.training), self.recipe.export.calibration_images)
        return [self._inputs(self._fitted(self.training[index]), number) for number, index in enumerate(wanted)]

    def validation(self) -> list[Sample]:
        """Held-out photographs at the exported size; the held-out paintings take turns."""
        wanted = spread(len(self.held), self.recipe.verify.images)
        return [self._sample(self.held[index], number % len(self.styles.held)) for number, index in enumerate(wanted)]

    def shown(self) -> list[Sample]:
        """Built-in photographs after the built-in painting, which are free to show."""
        return [self._sample(builtin.photographs()[name], OWN_PAINTING) for name in SHOWN]

    def pictured(self) -> list[Sample]:
        """Held-out photographs and paintings, unless the recipe would rather have those that are free to show."""
        return self.shown() if self.recipe.verify.show == "built-in" else self.validation()[: len(SHOWN)]

    def learned_from(self) -> dict[str, str]:
        """The names of the paintings and of the photographs."""
        found = {"styles": self.styles.training.names, "photographs": self.training.names}
        return {f"{name}_sha256": names_sha256(names) for name, names in found.items()}

    def training_sources(self) -> dict[str, Any]:
        """Of the paintings, the photographs, the warm start, VGG-19's weights and the style encoder."""
        recipe, train = self.recipe, self.recipe.train
        folders = [written for written in (train.styles, *train.more_styles) if written != BUILTIN]
        return {
            "styles": [images_sha256(recipe.path(written)) for written in folders],
            "photographs": names_sha256(self.training.names),
            "content": None if train.content == BUILTIN else images_sha256(recipe.path(train.content)),
            "more_content": [images_sha256(recipe.path(written)) for written in train.more_content],
            "warm_start": train.warm_start and sha256_of(recipe.path(train.warm_start)),
            "vgg_weights": given_sha256(recipe),
            "style_encoder": encoder_sha256(),
        }

    def validation_sources(self) -> dict[str, Any]:
        """Of the held-out photographs and paintings."""
        content = self.recipe.verify.content
        found = content and images_sha256(self.recipe.path(content))
        judged = self.recipe.verify.judge == "always" or at_hand(self.recipe)
        held = {"held": names_sha256(self.held.names), "paintings": names_sha256(self.styles.held.names)}
        return {**held, "verify.content": found, "judged": judged}

    def fetch(self) -> bool:
        """VGG-19's weights, where the training or the judge looks through it."""
        trained = self.recipe.train.steps and self.recipe.train.loss_network == "vgg19"
        if at_hand(self.recipe) or not (trained or self.recipe.verify.judge == "always"):
            return False
        vgg_weights(self.recipe)
        return True

    def unread(self) -> tuple[str, ...]:
        """Of the photographs and paintings."""
        parts = (self.training, self.held, self.styles.training)
        return tuple(dict.fromkeys(name for part in parts for name in part.unread))

    def evaluator(self) -> Evaluator | str:
        """VGG-19, or why it is not asked: there is a download to make that the recipe forbids."""
        from export_pipeline.perception.judge import StyleJudge

        if self.recipe.verify.judge == "cached" and not at_hand(self.recipe):
            return NO_JUDGE
        weights = vgg_weights(self.recipe)
        numbers = sorted({int(sample.truth[PAINTING]) for sample in self.validation()} | {OWN_PAINTING})
        return Judged({number: StyleJudge(weights, self._painting(number)) for number in numbers})

    def picture(self, values: Arrays) -> np.ndarray | None:
        """The photograph or the picture itself."""
        return images.to_uint8(values[STYLIZED if STYLIZED in values else IMAGE])

    def reference_picture(self, sample: Sample) -> tuple[str, np.ndarray] | None:
        """The painting."""
        return "style", self._painting(int(sample.truth[PAINTING]))

    def _painting(self, number: int) -> np.ndarray:
        return builtin.style_image() if number == OWN_PAINTING else self.styles.held[number]

    def _sample(self, photo: np.ndarray, number: int) -> Sample:
        inputs = _inputs(self._fitted(photo), self._painting(number))
        return Sample(inputs, {PAINTING: np.array(number, np.int32)})

    def _inputs(self, photo: np.ndarray, number: int) -> dict[str, np.ndarray]:
        return _inputs(photo, self.styles.training[number % len(self.styles.training)])

    def _fitted(self, photo: np.ndarray) -> np.ndarray:
        return images.fit(photo, self.recipe.export.height, self.recipe.export.width)


def _inputs(photo: np.ndarray, painting: np.ndarray) -> dict[str, np.ndarray]:
    return {IMAGE: photo, STYLE: encode(painting), STRENGTH: np.ones((1, 1, 1), np.float32)}


def style_of(seed: int, index: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of the style of sample *index*, of *count*, int32, and its strength, float32."""
    random = np.random.default_rng([seed, 3, index])
    variant, part, between = random.integers(count), random.random(), random.random()
    strength = 1.0 if part < WHOLE else 0.0 if part < WHOLE + NONE else between
    return np.array(variant, np.int32), np.array(strength, np.float32)


class _Perceptual(Objective):
    def __init__(self, task: ArbitraryStyle, network: LossNetwork) -> None:
        from export_pipeline.perception.losses import PerceptualLoss, StyleTarget, loss_names

        table = task.recipe.train
        self._table = table
        self._losses = PerceptualLoss(network, (), table, (), LEAST_DEVIATION)
        self._targets = StyleTarget.stacked([self._losses.target(image) for image in task.variants])
        self.terms = (*loss_names(table), IDENTITY)
        hashes = {"loss_network_sha256": network.sha256, ENCODER_SHA256: encoder_sha256()}
        self.fingerprint = {**task.learned_from(), **hashes}

    def __call__(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        import tensorflow as tf

        photo, stylized = batch[IMAGE], outputs[STYLIZED]
        losses = self._losses(photo, stylized, self._targets.taken(batch[VARIANT]))
        identity = tf.reduce_mean(tf.abs(stylized - photo), (1, 2, 3)) / 255
        strength = tf.reshape(batch[STRENGTH], (-1,))
        unchanged = self._table.identity_weight * identity + self._table.content_weight * losses["content"]
        total = strength * self._total(losses) + (1 - strength) * unchanged
        return {**losses, IDENTITY: identity, "total": total}

    def _total(self, losses: Mapping[str, Any]) -> Any:
        """The weighted sum of *losses*, with ``a log(1 + x / a)`` of those to the style.

        They are relative to the style, and a flat one or one in gray may be a thousand times as far off as another.
        """
        import tensorflow as tf

        parts = {name: loss for name, loss in losses.items() if name != "total"}
        of_style = {name: SOFT * tf.math.log1p(parts[name] / SOFT) for name in OF_STYLE if name in parts}
        return tf.add_n([getattr(self._table, f"{name}_weight") * part for name, part in {**parts, **of_style}.items()])

    def of_network(self, batch: Mapping[str, Any], call: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
        """With the stability loss, where it has a weight."""
        return with_stability(self, batch, call, self._table)


@dataclass(frozen=True)
class Judged(Evaluator):
    """Measures pictures by the judge of each painting, by its number."""

    judges: Mapping[int, StyleJudge]

    def of(self, sample: Sample) -> SampleEvaluator:
        """The one for the photograph of *sample* and its painting."""
        judge, photograph = self.judges[int(sample.truth[PAINTING])], sample.inputs[IMAGE]
        return JudgedPhotograph(judge, photograph, judge.reference(photograph))
