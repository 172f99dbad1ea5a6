"""Photographs in simulated brush strokes: what they keep of the photograph, and that a seed makes the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.tasks.painted import MANNERS, painted
from export_pipeline.tasks.paintings import with_colors_of

SIDE = 128
SEEDS = range(12)


def photograph() -> np.ndarray:
    """Yellow on the left and blue on the right, darker to the bottom, with a fine check."""
    image = np.empty((SIDE, SIDE, 3))
    image[:, : SIDE // 2], image[:, SIDE // 2 :] = (220, 190, 60), (40, 70, 180)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    image += (40 - 80 * rows / SIDE + np.where((rows + columns) % 2, 8, -8))[..., None]
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("manner", MANNERS)
def test_a_painted_photograph_keeps_its_broad_colours_and_is_painted_anew(manner: str, seed: int) -> None:
    photo = photograph()
    made = MANNERS[manner](photo, np.random.default_rng(seed))
    assert made.shape == photo.shape
    assert made.dtype == np.uint8
    yellow = made[..., :2].mean(2) - made[..., 2].astype(float)
    assert yellow[:, : SIDE // 3].mean() > yellow[:, -SIDE // 3 :].mean() + 40
    assert np.abs(made - photo.astype(float)).mean() > 4


def test_the_same_seed_paints_the_same_and_others_paint_otherwise() -> None:
    photo = photograph()
    made = [painted(photo, np.random.default_rng(seed)) for seed in SEEDS]
    again = [painted(photo, np.random.default_rng(seed)) for seed in SEEDS]
    assert [image.tobytes() for image in made] == [image.tobytes() for image in again]
    assert len({image.tobytes() for image in made}) == len(SEEDS)


def test_an_image_takes_over_the_means_and_covariances_of_colours() -> None:
    random = np.random.default_rng(3)
    mixing = random.normal(0, 1, (3, 3)) * 12
    painting = np.clip((120, 100, 140) + random.normal(0, 1, (64, 48, 3)) @ mixing, 0, 255).astype(np.uint8)
    made = with_colors_of(painting, random.integers(40, 200, (40, 40, 3)).astype(np.uint8))
    wanted, found = (image.reshape(-1, 3).astype(float) for image in (painting, made))
    np.testing.assert_allclose(found.mean(0), wanted.mean(0), atol=3)
    np.testing.assert_allclose(np.cov(found.T), np.cov(wanted.T), atol=0.15 * np.cov(wanted.T).max())


def test_an_image_in_gray_takes_over_the_mean_colour() -> None:
    gray = np.repeat(np.random.default_rng(1).integers(60, 190, (32, 32, 1)), 3, 2).astype(np.uint8)
    plain = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    np.testing.assert_allclose(with_colors_of(plain, gray).mean((0, 1)), (200, 40, 90), atol=3)


@pytest.mark.parametrize("manner", MANNERS)
def test_an_image_of_one_colour_stays_near_it(manner: str) -> None:
    plain = np.full((SIDE, SIDE, 3), (200, 40, 90), np.uint8)
    made = MANNERS[manner](plain, np.random.default_rng(2)).reshape(-1, 3).astype(float)
    assert np.abs(np.median(made, 0) - (200, 40, 90)).max() < 80
