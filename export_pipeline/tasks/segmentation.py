"""Segmentation: a picture in, the mask of one kind of thing out.

Trained on the loss of Abraham and Khan, "A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
Segmentation", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from typing_extensions import Self

from export_pipeline.base import images
from export_pipeline.base.files import names_sha256, sha256_of
from export_pipeline.recipe import BUILTIN, Recipe
from export_pipeline.recipe.segmentation import MNI152, SegmentationRecipe
from export_pipeline.records.metric import Values
from export_pipeline.records.signature import Signature, picture, tensor
from export_pipeline.tasks.masked_images import MaskedImages, crops, fitted, masked_images
from export_pipeline.tasks.photographs import images_sha256
from export_pipeline.tasks.task import Arrays, Evaluator, Objective, Origin, Sample, SampleEvaluator, Task, spread

IMAGE, MASK = "image", "mask"  # names of the input, and of the output and the truth
SHOWN = 2
THRESHOLD = 0.5  # a pixel at or above it is in the mask
# Pixels that are added above and below the line of the Tversky index, so that an empty mask has one.
SMOOTHING = 1.0
LEAST = 1e-7  # below it the slope of a root of the loss grows without bound


@final
@dataclass(frozen=True, eq=False)
class Segmentation(Task):
    """The pictures and masks of a recipe, to train on and to judge on."""

    name = "segmentation"
    title = "Segmentation"

    recipe: SegmentationRecipe
    training: MaskedImages
    held: MaskedImages

    @classmethod
    def open(cls, recipe: Recipe, origin: Origin | None = None) -> Self:
        """Look at every picture and mask once."""
        assert isinstance(recipe, SegmentationRecipe)
        return cls(recipe, *masked_images(recipe))

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same pictures for *recipe*."""
        assert isinstance(recipe, SegmentationRecipe)
        return replace(self, recipe=recipe)

    @property
    def signature(self) -> Signature:
        """An RGB image in; out, for each pixel, how sure the network is that it is in the mask, 0..1."""
        height, width = self.recipe.export.height, self.recipe.export.width
        return Signature(
            inputs=(picture(IMAGE, height, width),), outputs=(tensor(MASK, (1, height, width, 1), 0.0, 1.0),)
        )

    def batches(self, first_step: int, last_step: int) -> Any:
        """Random crops: ``image`` ``(batch, crop, crop, 3)`` 0..255, ``mask`` ``(batch, crop, crop, 1)`` 0 or 1."""
        found = crops(self.training, self.recipe, first_step, last_step)
        return found.map(lambda image, mask: {IMAGE: image, MASK: mask})

    def objective(self) -> Objective:
        """The focal Tversky loss of each mask."""
        return _FocalTversky(self)

    def examples(self, count: int) -> list[np.ndarray]:
        """Training pictures cut to the size of crops: ``(N, crop, crop, 3)`` uint8."""
        side = self.recipe.train.crop
        found = [self.training[index][0] for index in spread(len(self.training), count)]
        return [np.stack([images.fit(image, side, side) for image in found])]

    def calibration(self) -> list[Arrays]:
        """Training pictures at the exported size."""
        wanted = spread(len(self.training), self.recipe.export.calibration_images)
        return [self._sample(self.training, index).inputs for index in wanted]

    def validation(self) -> list[Sample]:
        """Held-out pictures at the exported size."""
        return [self._sample(self.held, index) for index in spread(len(self.held), self.recipe.verify.images)]

    def shown(self) -> list[Sample]:
        """Held-out pictures as well, which the bundle then shows and holds; the one in the middle is the golden one."""
        return [self._sample(self.held, index) for index in reversed(spread(len(self.held), SHOWN))]

    def learned_from(self) -> dict[str, str]:
        """The names of the pictures."""
        return {"images_sha256": names_sha256(self.training.names)}

    def training_sources(self) -> dict[str, Any]:
        """Of the pictures, the masks and the warm start."""
        recipe, train = self.recipe, self.recipe.train
        written = {"images": train.images, "masks": train.masks}
        in_folders = train.images not in (BUILTIN, MNI152)
        return {
            "names": names_sha256((*self.training.names, *self.held.names)),
            **{key: images_sha256(recipe.path(str(folder))) if in_folders else None for key, folder in written.items()},
            "warm_start": train.warm_start and sha256_of(recipe.path(train.warm_start)),
        }

    def validation_sources(self) -> dict[str, Any]:
        """Of the held-out pictures; the folders are those of the training."""
        return {"held": names_sha256(self.held.names)}

    def evaluator(self) -> Evaluator | str:
        """What compares masks with the true ones."""
        train = self.recipe.train
        return MaskEvaluator(train.alpha, train.beta, train.gamma)

    def picture(self, values: Arrays) -> np.ndarray | None:
        """The picture itself, or the mask in gray, white where the network is sure."""
        if MASK not in values:
            return images.to_uint8(values[IMAGE])
        return np.repeat(images.to_uint8(255 * np.asarray(values[MASK], np.float32)), 3, axis=2)

    def reference_picture(self, sample: Sample) -> tuple[str, np.ndarray] | None:
        """The true mask."""
        shown = self.picture(sample.truth)
        return None if shown is None else ("truth", shown)

    def _sample(self, found: MaskedImages, index: int) -> Sample:
        image, mask = fitted(found[index], self.recipe.export.height, self.recipe.export.width)
        return Sample({IMAGE: image}, {MASK: mask.astype(np.float32)[..., None]})


class _FocalTversky(Objective):
    terms = ("total",)

    def __init__(self, task: Segmentation) -> None:
        self._table = task.recipe.train
        self.fingerprint = task.learned_from()

    def __call__(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        import tensorflow as tf

        true, found = batch[MASK], outputs[MASK]
        parts = (true * found, true * (1 - found), (1 - true) * found)
        right, missed, surplus = (tf.reduce_sum(part, [1, 2, 3]) for part in parts)
        index = tversky_index(right, missed, surplus, self._table.alpha, self._table.beta)
        return {"total": tf.maximum(1 - index, LEAST) ** (1 / self._table.gamma)}


def tversky_index(right: Any, missed: Any, surplus: Any, alpha: float, beta: float) -> Any:
    """``TP / (TP + alpha FN + beta FP)`` of sums over the pixels of a mask, smoothed; 1 is a mask like the true one."""
    return (right + SMOOTHING) / (right + alpha * missed + beta * surplus + SMOOTHING)


@dataclass(frozen=True)
class MaskEvaluator(Evaluator):
    """Measures masks against the true ones, with the weights of the focal Tversky loss."""

    alpha: float
    beta: float
    gamma: float

    def of(self, sample: Sample) -> SampleEvaluator:
        """The one for the true mask of *sample*."""
        return _TrueMask(self, np.asarray(sample.truth[MASK], np.float64))


@dataclass(frozen=True, eq=False)
class _TrueMask(SampleEvaluator):
    weights: MaskEvaluator
    true: np.ndarray

    def measure(self, outputs: Arrays) -> Values:
        true, found = self.true, np.asarray(outputs[MASK], np.float64)
        right, missed, surplus = (float(part.sum()) for part in (true * found, true * (1 - found), (1 - true) * found))
        index = tversky_index(right, missed, surplus, self.weights.alpha, self.weights.beta)
        hard, wanted = found >= THRESHOLD, true >= THRESHOLD
        both, either = int((hard & wanted).sum()), int((hard | wanted).sum())
        # What is not a number is in no mask, and shows in the loss.
        return {
            "focal_tversky": float(max(1 - index, 0.0) ** (1 / self.weights.gamma)) if np.isfinite(index) else np.nan,
            "dice": 2 * both / (both + either) if either else 1.0,
            "iou": both / either if either else 1.0,
            "foreground_share": float(hard.mean()),
        }

    def baseline(self) -> Values:
        """Of the mask that has all pixels or none, whichever is nearer to the true one by the Dice coefficient."""
        constant = [self.measure({MASK: np.full_like(self.true, value)}) for value in (1.0, 0.0)]
        return max(constant, key=lambda values: values["dice"])
