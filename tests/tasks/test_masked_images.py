"""Pictures and their masks: which are taken, which are refused, and the stream of crops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from export_pipeline.errors import ImageError, UsageError
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.segmentation import SegmentationRecipe
from export_pipeline.tasks.masked_images import MaskedImages, coins, fitted, folders, masked_images, random_crop

Write = Callable[..., None]


def square(height: int = 40, width: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A dark picture with a bright square on its left side, and where that is."""
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 8 : width // 4] = True
    return np.where(mask[..., None], np.uint8(200), np.uint8(50)).repeat(3, axis=2), mask


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write(name, ..)`` puts a picture of a square and its mask into ``images/`` and ``masks/``."""

    def put(name: str, gray: int = 255, mask_name: str | None = None, size: tuple[int, int] = (40, 60)) -> None:
        picture, mask = square(*size)
        for folder, file, values in (
            ("images", f"{name}.png", picture),
            ("masks", mask_name or f"{name}.png", np.where(mask, np.uint8(gray), np.uint8(0))),
        ):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(values).save(tmp_path / folder / file)

    return put


def found(folder: Path) -> MaskedImages:
    return folders(folder / "images", folder / "masks")


# Folders


def test_each_picture_has_the_mask_of_its_stem(write: Write, tmp_path: Path) -> None:
    write("b", mask_name="b.bmp")
    write("a", size=(32, 48))
    pairs = found(tmp_path)
    assert pairs.names == ("a.png", "b.png")
    for index, size in enumerate(((32, 48), (40, 60))):
        picture, mask = pairs[index]
        np.testing.assert_array_equal(picture, square(*size)[0])
        np.testing.assert_array_equal(mask, square(*size)[1])
        assert mask.dtype == bool


@pytest.mark.parametrize(("gray", "white"), [(255, True), (128, True), (127, False)])
def test_gray_masks_are_cut_at_half(write: Write, tmp_path: Path, gray: int, white: bool) -> None:
    write("a")
    write("b", gray=gray)
    assert found(tmp_path)[1][1].any() == white


def test_a_recipe_names_folders_relative_to_itself(write: Write, tmp_path: Path) -> None:
    for name in "abc":
        write(name)
    (tmp_path / "r.toml").write_text('task = "segmentation"\n[train]\nimages = "images"\nmasks = "masks"\nhold_out = 1')
    recipe = Recipe.load(tmp_path / "r.toml")
    assert isinstance(recipe, SegmentationRecipe)
    training, held = masked_images(recipe)
    assert (training.names, held.names) == (("a.png", "b.png"), ("c.png",))
    np.testing.assert_array_equal(held[0][1], square()[1])


def test_at_least_one_is_left_to_train_on(write: Write, tmp_path: Path) -> None:
    write("a")
    with pytest.raises(UsageError, match="hold_out is 1 of 1 images; leave at least one to train on"):
        found(tmp_path).split(1)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda folder: (folder / "masks/b.png").unlink(),
            r"b\.png has no mask: no image in .*masks is called b\. Add",
        ),
        (lambda folder: (folder / "masks/b.png").write_bytes(b"no image"), r"masks/b\.png is not an image"),
        (lambda folder: (folder / "images/b.png").write_bytes(b"no image"), r"images/b\.png is not an image"),
        (
            lambda folder: Image.new("L", (59, 40)).save(folder / "masks/b.png"),
            r"b\.png and its mask .*b\.png are 60x40 and 59x40\. Save the mask in the size",
        ),
        (lambda folder: Image.new("L", (60, 40)).save(folder / "masks/b.bmp"), r"b\.bmp and b\.png have one stem"),
        (lambda folder: Image.new("L", (60, 40)).save(folder / "images/b.jpg"), r"b\.jpg and b\.png have one stem"),
        (lambda folder: [path.unlink() for path in (folder / "masks").iterdir()], "masks holds no images"),
    ],
    ids=["no mask", "damaged mask", "damaged picture", "another size", "two masks", "two pictures", "no masks"],
)
def test_what_does_not_fit_is_refused_by_name(
    write: Write, tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    write("a")
    write("b")
    spoil(tmp_path)
    with pytest.raises(ImageError, match=told):
        found(tmp_path)


def test_masks_of_indices_are_told_how_to_be_saved(write: Write, tmp_path: Path) -> None:
    write("a", gray=1)
    with pytest.raises(
        ImageError, match=r"no mask in .* has a pixel above half of white. Save masks as black and white"
    ):
        found(tmp_path)


# Built in


def test_coins_need_no_download_and_each_piece_shows_some() -> None:
    pieces = coins()
    assert len(pieces) == 12
    for index in range(12):
        picture, mask = pieces[index]
        assert picture.shape == (96, 96, 3)
        assert mask.shape == (96, 96)
        assert 0.15 < mask.mean() < 0.6
        assert picture[mask].mean() > picture[~mask].mean() + 30


# Sizes and crops


def test_a_mask_is_fitted_as_its_picture_is() -> None:
    picture, mask = fitted(square(80, 120), 40, 48)
    assert picture.shape == (40, 48, 3)
    assert mask.shape == (40, 48)
    np.testing.assert_array_equal(picture[..., 0] > 125, mask)


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**9), st.integers(32, 70))
def test_a_crop_has_its_size_and_its_mask_lies_where_it_shows(seed: int, index: int, side: int) -> None:
    pairs = [square(), square(90, 33), square(33, 300)]
    picture, mask = random_crop(MaskedImages(("a", "b", "c"), pairs.__getitem__), seed, index, side, (1.0, 1.5))
    assert picture.shape == (side, side, 3)
    assert mask.shape == (side, side, 1)
    assert picture.dtype == mask.dtype == np.float32
    assert set(np.unique(mask)) <= {0.0, 1.0}
    bright = picture[..., 0] > 125
    assert (bright != (mask[..., 0] > 0.5)).mean() < 0.05  # edges are smoothed in other ways


def test_a_crop_depends_on_seed_and_number_alone_and_half_are_mirrored() -> None:
    pairs = MaskedImages(("a",), lambda _: square(64, 64))
    stream = [random_crop(pairs, 7, index, 64, (1.0, 1.0)) for index in range(40)]
    for index in (39, 0, 4):
        for one, other in zip(random_crop(pairs, 7, index, 64, (1.0, 1.0)), stream[index], strict=True):
            np.testing.assert_array_equal(one, other)
    left = [mask[:, :32].any() for _, mask in stream]
    assert 10 < sum(left) < 30
