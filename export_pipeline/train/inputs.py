"""What a training looks at, read once from where the recipe says and handed on as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.perception.loss_network import LossNetwork, loss_network
from export_pipeline.recipe import Recipe
from export_pipeline.tasks.photographs import Photographs, photographs, style_image


@dataclass(frozen=True)
class Inputs:
    """A style image ``(H, W, 3)`` uint8 RGB, photographs to train on, and the networks that the losses look through.

    ``final_loss_network`` is for the polish and all fine-tuning after it: VGG-19 where the recipe has a polish, else
    the same as ``loss_network``.
    """

    style: np.ndarray
    photographs: Photographs
    loss_network: LossNetwork
    final_loss_network: LossNetwork


def read_inputs(recipe: Recipe) -> Inputs:
    """What *recipe* names.

    Raises:
        ImageError: the style or the photographs cannot be read.
        WeightsError: the weights of a loss network are damaged, or not there and cannot be fetched.
    """
    training, _ = photographs(recipe)
    first = loss_network(recipe)
    final = first if finishing(recipe) == recipe else loss_network(finishing(recipe))
    return Inputs(style_image(recipe), training, first, final)


def polished(recipe: Recipe) -> Recipe:
    """*recipe* as its ``[train.polish]`` is trained: its steps, and VGG-19 as loss network."""
    table = recipe.train.polish
    assert table is not None
    train = recipe.train.model_copy(update={**table.model_dump(), "loss_network": "vgg19"})
    return recipe.model_copy(update={"train": train})


def finishing(recipe: Recipe) -> Recipe:
    """*recipe* as what follows the training is trained and measured: as its polish, if it has one."""
    return recipe if recipe.train.polish is None else polished(recipe)
