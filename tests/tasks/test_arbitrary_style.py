"""Arbitrary style transfer: which paintings are learned from, which are judged on, and what a batch is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.errors import RecipeError
from export_pipeline.models.adain import STATISTICS
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.arbitrary_style import ArbitraryStyle, style_of
from export_pipeline.tasks.paintings import recolored
from export_pipeline.tasks.style_encoding import encode

PAINTED = {"a": (200, 40, 30), "b": (20, 160, 60), "c": (30, 50, 220)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three paintings of 80x60, each mostly in one colour."""
    made = tmp_path_factory.mktemp("paintings")
    random = np.random.default_rng(0)
    for name, color in PAINTED.items():
        pixels = random.normal(color, 25, (60, 80, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(made / f"{name}.png")
    return made


def opened(folder: Path, **train: Any) -> ArbitraryStyle:
    table = {"styles": str(folder), "style_variants": 8, "style_size": 64, "crop": 32, "hold_out": 2, **train}
    export = {"height": 48, "width": 64, "calibration_images": 2}
    recipe = {"task": "arbitrary_style", "train": table, "export": export, "verify": {"images": 2}}
    task = open_task(Recipe.parse(recipe))
    assert isinstance(task, ArbitraryStyle)
    return task


def test_a_painting_that_is_held_out_is_judged_on_and_never_learned_from(folder: Path) -> None:
    task = opened(folder, hold_out_styles=["b.png"])
    assert task.styles.training.names == ("a.png", "c.png")
    assert task.styles.held.names == ("b.png",)
    learned = {image.tobytes() for image in task.variants}
    for sample in task.validation():
        shown = task.reference_picture(sample)
        assert shown is not None
        np.testing.assert_array_equal(shown[1], np.asarray(Image.open(folder / "b.png")))
        np.testing.assert_array_equal(sample.inputs["style"], encode(shown[1]))
        assert shown[1].tobytes() not in learned


def test_without_any_it_is_judged_on_those_it_learned_from(folder: Path) -> None:
    task = opened(folder)
    assert task.styles.held.names == task.styles.training.names == ("a.png", "b.png", "c.png")


def test_variants_begin_with_the_paintings_and_depend_on_the_seed_and_their_number(folder: Path) -> None:
    task = opened(folder, photographs_as_styles=0.5)
    found = task.variants
    assert [image.shape for image in found] == [(64, 64, 3)] * 8
    for index, color in enumerate(PAINTED.values()):
        np.testing.assert_allclose(found[index].mean((0, 1)), color, atol=6)
    assert len({image.tobytes() for image in found}) == 8
    more = task.with_recipe(_with(task, style_variants=10)).variants
    for one, other in zip(found, more, strict=False):
        np.testing.assert_array_equal(one, other)
    other_seed = task.with_recipe(task.recipe.model_copy(update={"seed": 5})).variants
    assert not np.array_equal(found[5], other_seed[5])


def test_painted_photographs_are_among_the_variants_by_their_share(folder: Path) -> None:
    plain, painted = (opened(folder, style_variants=40, painted_photographs=share).variants for share in (0.0, 0.5))
    assert all(np.array_equal(plain[index], painted[index]) for index in range(3))
    changed = sum(not np.array_equal(one, other) for one, other in zip(plain, painted, strict=True))
    assert 10 <= changed <= 28


def _with(task: ArbitraryStyle, **train: Any) -> Recipe:
    return task.recipe.model_copy(update={"train": task.recipe.train.model_copy(update=train)})


def test_a_batch_has_the_statistics_of_its_variants(folder: Path) -> None:
    task = opened(folder)
    (batch,) = task.batches(0, 1).as_numpy_iterator()
    assert {name: value.shape for name, value in batch.items()} == {
        "image": (2, 32, 32, 3),
        "style": (2, 1, 1, STATISTICS),
        "strength": (2, 1, 1, 1),
        "variant": (2,),
    }
    variants = task.variants
    for number, style in zip(batch["variant"], batch["style"], strict=True):
        np.testing.assert_allclose(style, encode(variants[number]), atol=1e-6)


def test_most_samples_have_a_style_in_full_and_some_have_none() -> None:
    numbers, strengths = zip(*(style_of(0, index, 5) for index in range(2000)), strict=True)
    assert set(map(int, numbers)) == set(range(5))
    values = np.array(strengths)
    assert (values == 1).mean() == pytest.approx(0.9, abs=0.02)
    assert (values == 0).mean() == pytest.approx(0.02, abs=0.01)
    between = values[(values > 0) & (values < 1)]
    assert between.mean() == pytest.approx(0.5, abs=0.06)


def test_the_loss_of_each_sample_is_that_to_its_own_style_by_its_strength(folder: Path, vgg_file: Path) -> None:
    task = opened(folder, vgg_weights=str(vgg_file), tv_weight=0.0, edge_weight=0.0)
    objective = task.objective()
    variants = task.variants[:2]
    pictures = np.stack(variants).astype(np.float32)
    photos = pictures[::-1].copy()

    def losses(variant: list[int], strength: list[float]) -> dict[str, np.ndarray]:
        batch = {"image": photos, "variant": np.array(variant, np.int32), "strength": np.array(strength, np.float32)}
        return {name: loss.numpy() for name, loss in objective(batch, {"stylized": pictures}).items()}

    own, other = losses([0, 1], [1, 1]), losses([1, 0], [1, 1])
    assert own["style"].max() < 1e-4
    assert other["style"].min() > 0.01
    photographed = losses([0, 1], [0, 0])
    expected = 10 * np.abs(pictures - photos).mean((1, 2, 3)) / 255 + own["content"]
    np.testing.assert_allclose(photographed["total"], expected, rtol=1e-4)
    between = losses([0, 1], [0.5, 0.5])
    np.testing.assert_allclose(between["total"], (own["total"] + photographed["total"]) / 2, rtol=1e-4)


def test_colours_are_turned_and_the_mean_gray_stays_about_where_it_was() -> None:
    image = np.random.default_rng(1).integers(90, 160, (32, 32, 3)).astype(np.uint8)
    image[..., 0] += 40
    made = np.stack([recolored(image, np.random.default_rng(seed)) for seed in range(40)])
    hues = made.mean((1, 2)) - made.mean((1, 2, 3))[:, None]
    assert np.abs(np.diff(hues, axis=0)).max() > 10
    assert made.mean() == pytest.approx(image.mean(), abs=10)


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ({"hold_out_styles": ["d.png"]}, r"hold_out_styles names 'd.png', which is no painting; .*"),
        ({"hold_out_styles": ["a.png", "b.png", "c.png"]}, "leaves no painting to train on"),
        ({"styles": "builtin", "hold_out_styles": ["a.png"]}, "names paintings of a folder"),
        ({"style_variants": 2}, "style_variants is 2, and there are 3 paintings .*; set 3 or more"),
        ({"photographs_as_styles": 0.6, "painted_photographs": 0.5}, "are more than 1 together"),
    ],
    ids=str,
)
def test_paintings_and_shares_that_cannot_be_are_refused(folder: Path, train: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        opened(folder, **train)
