"""Colours of one image with the means and covariances of another."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.models.color_transfer import (
    BASIS,
    SAMPLED,
    Channels,
    ColorStatistics,
    ColorTransfer,
    mean_products,
)

random = np.random.default_rng(9)


def recolored(photo: np.ndarray, style: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """*photo* ``(H, W, 3)`` with the colours of *style*."""
    told = np.full((1, 1, 1, 1), strength, np.float32)
    found: np.ndarray = ColorTransfer()([photo[None], ColorStatistics()(style[None]), told]).numpy()[0]
    return found


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """*pixels*, each five times in both directions: one of 25 tells of all."""
    return pixels.repeat(SAMPLED, 0).repeat(SAMPLED, 1)


def image(height: int, width: int, seed: int) -> np.ndarray:
    """One whose colours vary together, far from black and white."""
    own = np.random.default_rng(seed)
    mixed = own.normal(0, 18, (height, width, 3)) @ own.uniform(-1, 1, (3, 3))
    found: np.ndarray = (own.uniform(90, 160, 3) + mixed).astype(np.float32)
    return found


def colors_of(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and Cholesky factor of the opponent colours, by NumPy, of ``(H, W, 3)``."""
    opponents = pixels.reshape(-1, 3).astype(np.float64) / 255 @ BASIS.T.astype(np.float64)
    return opponents.mean(0), np.linalg.cholesky(np.cov(opponents.T, bias=True) + 1e-5 * np.eye(3))


def test_the_basis_is_orthonormal() -> None:
    np.testing.assert_allclose(BASIS @ BASIS.T, np.eye(3), atol=1e-6)


def test_statistics_are_means_and_the_cholesky_factor() -> None:
    pixels = np.stack([image(20, 30, seed) for seed in (1, 2)])
    found = ColorStatistics()(pixels).numpy()
    assert found.shape == (2, 1, 1, 9)
    for one, each in zip(found, pixels, strict=True):
        means, factor = colors_of(each)
        np.testing.assert_allclose(one.ravel(), [*means, *factor[np.tril_indices(3)]], rtol=2e-3, atol=2e-4)


def test_an_image_gets_the_means_and_covariances_of_the_other() -> None:
    photo, style = enlarged(image(40, 30, 3)), image(25, 50, 4)
    made = recolored(photo, style)
    own, wanted = (np.cov(each.reshape(-1, 3).T) for each in (made, style))
    np.testing.assert_allclose(made.mean((0, 1)), style.mean((0, 1)), atol=0.1)
    # The least variance that a photograph is taken to have leaves a little to be wished for.
    assert np.linalg.norm(own - wanted) / np.linalg.norm(wanted) < 0.35


def test_it_goes_as_far_as_the_strength_says() -> None:
    photo, style = image(24, 20, 10), image(18, 30, 11)
    none, half, whole = (recolored(photo, style, strength) for strength in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(none, photo, atol=1e-3)
    np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-2)
    assert np.abs(whole - photo).mean() > 10


def test_it_is_the_product_of_cholesky_factors() -> None:
    photo, style = image(24, 20, 12), image(18, 30, 13)
    few = photo[::5, ::5].reshape(-1, 3) / 255 @ BASIS.T.astype(np.float64)
    own = np.linalg.cholesky(np.cov(few.T, bias=True) + 1e-3 * np.eye(3))
    wanted, factor = colors_of(style)
    opponents = (photo / 255 @ BASIS.T - few.mean(0)) @ (factor @ np.linalg.inv(own)).T + wanted
    np.testing.assert_allclose(recolored(photo, style), 255 * opponents @ BASIS, atol=0.5)


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_stripes_are_sampled_as_they_are(period: int) -> None:
    """Where samples met one stripe in each, all would be taken for it."""
    columns = np.where(np.arange(160) % period < period // 2, 60.0, 200.0).astype(np.float32)
    photo, style = np.broadcast_to(columns[None, :, None], (160, 160, 3)), image(18, 30, 15)
    for stripes in (photo, photo.swapaxes(0, 1)):
        np.testing.assert_allclose(recolored(stripes, style).mean((0, 1)), style.mean((0, 1)), atol=2)


def test_brightness_stays_in_order() -> None:
    photo, style = image(16, 16, 5), image(16, 16, 6)
    made = recolored(photo, style)
    order = np.argsort(photo.reshape(-1, 3).sum(1), kind="stable")
    assert np.diff(made.reshape(-1, 3).sum(1)[order]).min() > -1e-2


def test_noise_of_a_gray_photograph_is_not_stretched_without_bound() -> None:
    gray = np.repeat(random.normal(120, 40, (32, 32, 1)), 3, -1) + random.normal(0, 0.5, (32, 32, 3))
    made = recolored(gray.astype(np.float32), image(32, 32, 7))
    hues = (made / 255) @ BASIS[1:].T
    lines = [np.poly1d(np.polyfit(gray.sum(-1).ravel(), hue.ravel(), 1)) for hue in np.moveaxis(hues, -1, 0)]
    left = hues - np.stack([line(gray.sum(-1)) for line in lines], -1)
    assert left.std() * 255 < 4


def test_means_of_products_are_those_over_all_positions() -> None:
    pixels = image(12, 18, 8)
    opponents = pixels.reshape(-1, 3) / 255 @ BASIS.T
    products = opponents.T @ opponents / len(opponents)
    expected = [*opponents.mean(0), *products[np.tril_indices(3)]]
    np.testing.assert_allclose(mean_products(pixels[None]).numpy().ravel(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 9])
def test_the_last_channels_are_taken(count: int) -> None:
    values = random.normal(size=(2, 1, 1, 12)).astype(np.float32)
    layer = Channels(count)
    np.testing.assert_array_equal(layer(values), values[..., 12 - count :])
    assert layer.get_config()["count"] == count
