"""Recipes with keys and choices of another task than their own: the error names the task to set."""

from __future__ import annotations

from typing import Any

import pytest

from export_pipeline.errors import RecipeError
from export_pipeline.recipe import Recipe

UNSAID, SAID = "'style_transfer' (the default)", "'segmentation'"


@pytest.mark.parametrize(
    ("data", "whose", "task", "own"),
    [
        ({"train": {"images": "a"}}, "train.images is a key", "segmentation", UNSAID),
        ({"train": {"images": "a", "masks": "b"}}, "train.images, train.masks are keys", "segmentation", UNSAID),
        ({"model": {"network": "unet"}}, "model.network 'unet' is a choice", "segmentation", UNSAID),
        (
            {"model": {"network": "unet"}, "train": {"gamma": 1.0}},
            "model.network 'unet', train.gamma are keys and choices",
            "segmentation",
            UNSAID,
        ),
        (
            {"report": {"budgets": {"onnx-fp32": {"dice": 0.5}}}},
            "report.budgets.onnx-fp32.dice is a key",
            "segmentation",
            UNSAID,
        ),
        ({"model": {"file": "a.keras"}}, "model.file is a key", "parity", UNSAID),
        ({"task": "segmentation", "train": {"style": "a"}}, "train.style is a key", "style_transfer", SAID),
        ({"task": "segmentation", "train": {"polish": {}}}, "train.polish is a key", "style_transfer", SAID),
        (
            {"task": "segmentation", "model": {"network": "small"}},
            "model.network 'small' is a choice",
            "style_transfer",
            SAID,
        ),
    ],
)
def test_what_another_task_knows_is_answered_with_its_name(
    data: dict[str, Any], whose: str, task: str, own: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(data)
    said = f"recipe: {whose} of task '{task}'; this recipe is of {own}. Set task = \"{task}\""
    assert str(caught.value) == said + (", or leave it out" if own == SAID else "")


def test_other_mistakes_are_named_beside_what_another_task_knows() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse({"train": {"images": "a", "step": 3}, "model": {"network": "jonson"}})
    for part in ("train.images is a key of", "'train.step'; did you mean 'steps'?", "did you mean 'johnson'?"):
        assert part in str(caught.value)
    assert "unknown key 'train.images'" not in str(caught.value)
