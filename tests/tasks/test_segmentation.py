"""Segmentation: its loss and its metrics by hand, its pictures, and files that paint nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import RecipeError
from export_pipeline.export import export
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.segmentation import METRICS, SegmentationRecipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.segmentation import MaskEvaluator, Segmentation, tversky_index
from export_pipeline.tasks.task import Sample
from export_pipeline.train import network
from export_pipeline.verify import verify

NETWORK = {"task": "segmentation", "model": {"alpha": 0.125}, "train": {"crop": 32}}
SIZE = {"height": 32, "width": 32, "targets": ["tflite-dynamic"]}
FOCAL = MaskEvaluator(alpha=0.7, beta=0.3, gamma=4 / 3)


def segmentation(**train: Any) -> Segmentation:
    tables = {**NETWORK, "train": {"crop": 32, **train}, "export": SIZE, "verify": {"images": 2}}
    task = open_task(Recipe.parse({"name": "tiny", **tables}))
    assert isinstance(task, Segmentation)
    return task


def mask(*rows: str) -> np.ndarray:
    """``(H, W, 1)``: ``#`` is 1, ``+`` is 0.5, anything else 0."""
    return np.array([[{"#": 1.0, "+": 0.5}.get(sign, 0.0) for sign in row] for row in rows], np.float32)[..., None]


TRUE = mask("##..", "##..", "....", "....")


def measured(found: np.ndarray, true: np.ndarray = TRUE) -> dict[str, float]:
    return dict(FOCAL.of(Sample({}, {"mask": true})).measure({"mask": found}))


# Metrics


@pytest.mark.parametrize(
    ("found", "dice", "iou", "share"),
    [
        (TRUE, 1.0, 1.0, 0.25),
        (mask("##..", "##..", "##..", "##.."), 2 * 4 / 12, 4 / 8, 0.5),
        (mask("##..", "....", "....", "...."), 2 * 2 / 6, 2 / 4, 0.125),
        (mask("++..", "++..", "....", "...."), 1.0, 1.0, 0.25),  # half is in the mask
        (0.49 * TRUE, 0.0, 0.0, 0.0),
        (1 - TRUE, 0.0, 0.0, 0.75),
    ],
)
def test_masks_are_compared_at_a_half(found: np.ndarray, dice: float, iou: float, share: float) -> None:
    values = measured(found)
    assert values["dice"] == pytest.approx(dice)
    assert values["iou"] == pytest.approx(iou)
    assert values["foreground_share"] == pytest.approx(share)


def test_the_focal_tversky_loss_is_that_of_the_paper() -> None:
    found = mask("#+..", "##+.", "....", "...#")
    right, missed, surplus = 3.5, 0.5, 1.5
    index = (right + 1) / (right + 0.7 * missed + 0.3 * surplus + 1)
    assert tversky_index(right, missed, surplus, 0.7, 0.3) == pytest.approx(index)
    assert measured(found)["focal_tversky"] == pytest.approx((1 - index) ** 0.75)
    assert measured(TRUE)["focal_tversky"] == 0


def test_what_is_missed_counts_more_than_what_is_too_much() -> None:
    missing, surplus = mask("#...", "##..", "....", "...."), mask("###.", "##..", "....", "....")
    assert measured(missing)["focal_tversky"] > measured(surplus)["focal_tversky"]


def test_an_empty_mask_is_right_where_there_is_nothing() -> None:
    nothing = np.zeros_like(TRUE)
    assert measured(nothing, nothing) == {"focal_tversky": 0, "dice": 1, "iou": 1, "foreground_share": 0}
    assert measured(TRUE, nothing)["dice"] == 0


def test_what_is_not_a_number_shows() -> None:
    assert math.isnan(measured(TRUE * np.float32(np.nan))["focal_tversky"])


def test_the_baseline_is_the_best_constant_mask() -> None:
    for true in (TRUE, np.zeros_like(TRUE)):
        baseline = FOCAL.of(Sample({}, {"mask": true})).baseline()
        constants = [measured(np.full_like(true, value), true) for value in (0.0, 0.3, 0.5, 0.8, 1.0)]
        assert baseline["dice"] == max(values["dice"] for values in constants)
        assert baseline["iou"] == max(values["iou"] for values in constants)
        assert baseline["focal_tversky"] == min(values["focal_tversky"] for values in constants)


# The objective


def test_the_objective_is_the_metric_of_each_sample() -> None:
    import tensorflow as tf

    task = segmentation()
    found = np.random.default_rng(0).uniform(0, 1, (2, 4, 4, 1)).astype(np.float32)
    true = np.stack([TRUE, np.zeros_like(TRUE)])
    losses = task.objective()({"mask": tf.constant(true)}, {"mask": tf.constant(found)})
    assert list(losses) == ["total"]
    wanted = [measured(found[index], true[index])["focal_tversky"] for index in range(2)]
    np.testing.assert_allclose(losses["total"], wanted, rtol=1e-5)


def test_a_mask_that_is_right_has_a_slope_all_the_same() -> None:
    import tensorflow as tf

    found = tf.Variable(TRUE[None])
    with tf.GradientTape() as tape:
        loss = segmentation().objective()({"mask": tf.constant(TRUE[None])}, {"mask": found})["total"]
    assert np.isfinite(tape.gradient(loss, found)).all()


# Pictures, samples, sources


def test_a_mask_is_shown_in_gray() -> None:
    shown = segmentation().picture({"mask": mask("#+..")})
    assert shown is not None
    assert shown[..., 0].tolist() == [[255, 128, 0, 0]]
    assert (shown == shown[..., :1]).all()


def test_samples_have_masks_of_two_values() -> None:
    for sample in segmentation().validation():
        assert sample.truth["mask"].shape == (32, 32, 1)
        assert set(np.unique(sample.truth["mask"])) <= {0.0, 1.0}
        assert 0.05 < sample.truth["mask"].mean() < 0.95


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"train": {"images": "pictures"}}, "masks is missing; name the folder that has a mask for each of the images"),
        ({"train": {"masks": "masks"}}, "the built-in images have masks of their own"),
        ({"train": {"images": "mni152"}}, "masks is None; for images 'mni152' it must be grey_matter or white_matter"),
        ({"train": {"alpha": 0.0, "beta": 0.0}}, "alpha and beta are both 0, which leaves nothing to learn"),
        ({"train": {"short_side": [2.0, 1.0]}}, "the least first"),
        ({"train": {"hold_out": 0}}, "hold_out"),
        ({"train": {"content": "photographs"}}, "train.content is a key of task 'style_transfer'"),
        ({"model": {"alpha": 0.06}}, "it leaves a layer without filters; it must be 0.0625 or more"),
        ({"model": {"network": "small"}}, "model.network 'small' is a choice of task 'style_transfer'"),
        ({"export": {"height": 100}}, "export.height is 100; a U-Net needs a multiple of 8, the nearest: 96"),
        ({"report": {"budgets": {"onnx-fp32": {"foreground_share": 0.5}}}}, "unknown key .*foreground_share"),
        (
            {"report": {"budgets": {"onnx-fp32": {"style_distance": 0.5}}}},
            "style_distance is a key of task 'style_transfer'",
        ),
        ({"report": {"budgets": {"onnx-fp32": {"ssim": 0.5}}}}, "ssim compares pictures.* limit one of .*dice"),
    ],
)
def test_what_a_recipe_cannot_mean_is_refused(tables: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        Recipe.parse({"task": "segmentation", **tables})


def test_a_budget_is_the_least_of_a_score_and_the_most_of_a_loss() -> None:
    recipe = Recipe.parse({"task": "segmentation", "report": {"budgets": {"onnx-fp32": {"dice": 0.9}}}})
    assert recipe.report.budgets["onnx-fp32"].limits == {"dice": 0.9}
    assert {metric.name: metric.rule for metric in METRICS if metric.has_limits} == {
        "focal_tversky": "most",
        "dice": "least",
        "iou": "least",
    }
    assert SegmentationRecipe.model_validate_json(recipe.model_dump_json()) == recipe


# Useless files


def biased(task: Segmentation, bias: float) -> Any:
    """A network of *task* that has *bias* before its last sigmoid, and finds what is bright with bias 0."""
    model, random = network(task.recipe), np.random.default_rng(0)
    for weight in model.weights:
        if "kernel" in weight.name:
            weight.assign(random.normal(0, 1e-3, weight.shape))
    # The brightness passes through the first channel of the outermost level alone.
    for name in ("down0_a", "down0_b", "up0_a", "up0_b"):
        kernel = np.zeros(model.get_layer(f"{name}_conv").kernel.shape, np.float32)
        kernel[1, 1, : 3 if name == "down0_a" else 1, 0] = 1
        model.get_layer(f"{name}_conv").kernel.assign(kernel)
    last = model.get_layer("out_conv")
    last.kernel.assign(np.eye(1, last.kernel.shape[2]).reshape(last.kernel.shape))
    last.bias.assign([-3.0 + bias])
    return model


def verified(bias: float, target: str, folder: Path) -> Any:
    """The row of a file of *target* whose network has *bias*, against that without; no limit is set on the PSNR."""
    task = segmentation()
    tables = {
        "verify": task.recipe.verify.model_copy(update={"min_psnr": {target: 0.0}}),
        "export": task.recipe.export.model_copy(update={"targets": (target,)}),
    }
    task = task.with_recipe(task.recipe.model_copy(update=tables))
    files = export(biased(task, bias), task.recipe, task.signature, folder, task.calibration())
    (row,) = verify(folder, files, biased(task, 0.0), task, task.evaluator())
    return row


@pytest.mark.parametrize("target", ["tflite-int8", "mlmodel-int8", "mlpackage-int8"])
def test_a_file_of_8_bits_that_paints_nothing_fails(target: str, tmp_path: Path) -> None:
    assert verified(0.0, target, tmp_path).status == "passed"
    row = verified(-9.0, target, tmp_path)
    assert (row.status, row.metric("foreground_share")) == ("failed", 0.0)
    assert "its dice 0.0000 is no better than that of the best constant mask" in row.reason


@pytest.mark.parametrize(
    ("bias", "told"),
    [
        (0.0, ""),
        (-9.0, "its dice 0.0000 is no better than that of the best constant mask"),
        (0.4, "differs by more than 2% from the float network's"),
    ],
    ids=["as the float network", "paints nothing", "paints too much"],
)
def test_a_file_that_paints_another_share_fails(bias: float, told: str, tmp_path: Path) -> None:
    """Also where PSNR, whose limit is set aside here, would not tell."""
    row = verified(bias, "tflite-dynamic", tmp_path)
    assert row.status == ("failed" if told else "passed"), row
    assert told in row.reason
    assert row.float_metric("dice") is not None
