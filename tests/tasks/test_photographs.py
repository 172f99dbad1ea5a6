"""Photographs: which are taken, and the stream of crops that a resumed run goes on with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from export_pipeline.errors import ImageError, RecipeError, UsageError
from export_pipeline.recipe import Recipe, StyleTransferRecipe
from export_pipeline.tasks.photographs import crops, folder_photographs, photographs, random_crop, style_image

Make = Callable[..., Recipe]


def flat(value: int, height: int = 40, width: int = 60) -> np.ndarray:
    """A picture of one value, which survives resizing."""
    return np.full((height, width, 3), value, np.uint8)


PHOTOS = [flat(10), flat(20, 90, 30), flat(30, 33, 33), flat(40, 8, 300), flat(50, 1, 1)]


def write(folder: Path, *values: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for value in values:
        Image.fromarray(flat(value)).save(folder / f"{value:03}.png")


# Crops


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**9), st.integers(32, 70))
def test_a_crop_has_its_size_and_range_from_any_photograph(seed: int, index: int, side: int) -> None:
    crop = random_crop(PHOTOS, seed, index, side)
    assert crop.shape == (side, side, 3)
    assert crop.dtype == np.float32
    assert len(np.unique(crop)) == 1
    assert crop[0, 0, 0] in (10, 20, 30, 40, 50)


def test_a_crop_depends_on_seed_and_number_alone() -> None:
    photos = [np.random.default_rng(i).integers(0, 256, (60, 80, 3), dtype=np.uint8) for i in range(3)]
    stream = [random_crop(photos, 7, index, 32) for index in range(9)]
    for index in (8, 0, 4):  # asked for out of order, and again
        np.testing.assert_array_equal(random_crop(photos, 7, index, 32), stream[index])
    assert len({crop.tobytes() for crop in stream}) == 9
    assert not np.array_equal(random_crop(photos, 8, 0, 32), stream[0])


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_each_epoch_shows_each_photograph_once_in_an_order_of_its_own(seed: int) -> None:
    def epoch(number: int) -> list[int]:
        return [int(random_crop(PHOTOS, seed, number * 5 + i, 32)[0, 0, 0]) for i in range(5)]

    epochs = [epoch(number) for number in range(6)]
    assert all(sorted(shown) == [10, 20, 30, 40, 50] for shown in epochs)
    assert len(set(map(tuple, epochs))) > 1


def test_crops_are_mirrored_scaled_and_moved() -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (64, 64, 3)).copy()
    found = [random_crop([ramp], 0, index, 32)[0, :, 0] for index in range(40)]
    rising = sum(row[-1] > row[0] for row in found)
    assert 10 < rising < 30
    assert len({round(float(abs(row[-1] - row[0]))) for row in found}) > 10  # scales
    assert len({round(float(min(row))) for row in found}) > 10  # places


def test_the_stream_goes_on_where_it_was_interrupted(make_recipe: Make) -> None:
    recipe = make_recipe(seed=3)
    photos, _ = photographs(recipe)
    whole = list(crops(photos, recipe, 0, 5).as_numpy_iterator())
    resumed = list(crops(photos, recipe, 3, 5).as_numpy_iterator())
    assert [batch.shape for batch in whole] == [(2, 36, 36, 3)] * 5
    np.testing.assert_array_equal(whole[3:], resumed)


# Folders


def test_images_come_in_name_order_at_full_size(tmp_path: Path) -> None:
    write(tmp_path, 30, 10, 20)
    found = folder_photographs(tmp_path)
    assert found.names == ("010.png", "020.png", "030.png")
    assert [int(found[index][0, 0, 0]) for index in range(len(found))] == [10, 20, 30]
    assert found[0].shape == (40, 60, 3)
    assert found.skipped == 0


def test_unreadable_images_are_skipped_with_one_warning_that_counts_them(tmp_path: Path) -> None:
    write(tmp_path, 10, 20)
    (tmp_path / "000.jpg").write_text("a text file")
    whole = (tmp_path / "010.png").read_bytes()
    (tmp_path / "015.png").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match=r"skipped 2 of 4 images .*000\.jpg") as caught:
        found = folder_photographs(tmp_path)
    assert len(caught) == 1
    assert found.names == ("010.png", "020.png")
    assert found.skipped == 2
    assert found.unread == ("000.jpg", "015.png")
    for name in found.unread:
        assert name in str(caught[0].message)
    assert int(found[1][0, 0, 0]) == 20


def test_folders_below_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "below" / "deeper").mkdir(parents=True)
    write(tmp_path / "below" / "deeper", 10)
    with pytest.raises(ImageError, match=r"holds no images\. 1 lie in folders below it"):
        folder_photographs(tmp_path / "below")
    write(tmp_path, 10)
    with pytest.warns(UserWarning, match="1 images in folders below .* are not read"):
        assert folder_photographs(tmp_path).names == ("010.png",)


def test_a_photograph_with_nothing_to_see_is_skipped_and_such_a_style_refused(tmp_path: Path) -> None:
    write(tmp_path, 10)
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(tmp_path / "dot.png")
    with pytest.warns(UserWarning, match="dot.png has 1x1 pixels; a photograph or a style needs 16 a side"):
        assert folder_photographs(tmp_path).names == ("010.png",)
    recipe = Recipe.parse({"train": {"style": str(tmp_path / "dot.png")}})
    assert isinstance(recipe, StyleTransferRecipe)
    with pytest.raises(ImageError, match="needs 16 a side"):
        style_image(recipe)


def test_a_good_folder_warns_of_nothing(tmp_path: Path) -> None:
    write(tmp_path, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder_photographs(tmp_path)


def test_a_folder_without_a_readable_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.jpg").write_text("a text file")
    (tmp_path / "empty").mkdir()
    for name, said in (
        ("bad", "none of the 1 images"),
        ("empty", "holds no images"),
        ("missing", "cannot read folder"),
    ):
        with pytest.raises(ImageError, match=said) as caught:
            folder_photographs(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_what_is_cached_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 10, 20, 30)
    monkeypatch.setattr("export_pipeline.tasks.photographs.CACHE_BYTES", 2 * flat(0).nbytes)
    found = folder_photographs(tmp_path)
    for index in (0, 1, 2, 0, 1, 2):
        assert int(found[index][0, 0, 0]) == 10 * (index + 1)
    assert found.load.cache_info().currsize == 2  # type: ignore[attr-defined]


# What a recipe names


def test_held_out_photographs_are_the_last_by_name(make_recipe: Make) -> None:
    training, held = photographs(make_recipe(train={"hold_out": 1}))
    assert training.names == ("0.png", "1.png", "2.png")
    assert held.names == ("3.png",)
    assert held[0].shape == (80, 70, 3)
    assert training[2].shape == (70, 70, 3)


def test_something_is_always_left_to_train_on(make_recipe: Make) -> None:
    assert len(photographs(make_recipe(train={"hold_out": 3}))[0]) == 1
    with pytest.raises(UsageError, match="hold_out is 4 of 4"):
        photographs(make_recipe(train={"hold_out": 4}))


def test_validation_photographs_may_lie_elsewhere(make_recipe: Make, tmp_path: Path) -> None:
    write(tmp_path, 7)
    training, held = photographs(make_recipe(verify={"content": str(tmp_path)}))
    assert len(training) == 4
    assert held.names == ("007.png",)


def test_without_any_the_builtin_ones_validate(make_recipe: Make) -> None:
    _, held = photographs(make_recipe())
    assert "astronaut" in held.names


def test_a_missing_style_image_or_variable_is_an_error(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"none\.png"):
        style_image(make_recipe(train={"style": "/none.png"}))
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(RecipeError, match="NOWHERE"):
        style_image(make_recipe(train={"style": "$NOWHERE/style.png"}))
