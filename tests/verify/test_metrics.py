from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.records.signature import Port, picture, tensor
from export_pipeline.verify.metrics import incomparable, max_abs, parity, psnr, ssim


def image(seed: int, shape: tuple[int, ...] = (16, 20, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)


def test_psnr_of_a_known_error() -> None:
    black = np.zeros((4, 4, 3), np.float32)
    assert psnr(black + 255, black) == pytest.approx(0)
    assert psnr(black + 1, black) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(black, black) == math.inf


def test_a_value_that_is_not_a_number_shows() -> None:
    broken = image(0)
    broken[0, 0, 0] = np.nan
    assert math.isnan(psnr(broken, image(0)))
    assert math.isnan(psnr(np.full_like(broken, np.inf), image(0)))


def test_uint8_does_not_wrap_around() -> None:
    low, high = np.full((16, 16, 3), 1, np.uint8), np.full((16, 16, 3), 3, np.uint8)
    assert max_abs(low, high) == 2
    assert psnr(low, high) == pytest.approx(10 * math.log10(255**2 / 4))


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_metrics_do_not_depend_on_the_order(first: int, second: int) -> None:
    a, b = image(first), image(second)
    assert psnr(a, b) == psnr(b, a)
    assert max_abs(a, b) == max_abs(b, a)
    assert ssim(a, b) == pytest.approx(ssim(b, a))


def test_ssim_is_that_of_scikit_image() -> None:
    from skimage.metrics import structural_similarity

    generator = np.random.default_rng(1)
    for height, width in ((7, 7), (31, 20), (64, 48)):
        first = generator.integers(0, 256, (height, width, 3)).astype(np.float32)
        second = np.clip(first + generator.normal(0, 20, first.shape), 0, 255)
        theirs = structural_similarity(first.astype(np.float64), second, channel_axis=2, data_range=255)
        assert ssim(first, second) == pytest.approx(theirs, abs=1e-9)


def test_ssim_of_equal_images_is_one_and_falls_with_noise() -> None:
    base = image(0, (32, 32, 3))
    noise = image(1, (32, 32, 3)) - 127
    assert ssim(base, base) == pytest.approx(1)
    assert 1 > ssim(base + noise / 16, base) > ssim(base + noise / 4, base) > ssim(base + noise, base)


@pytest.mark.parametrize(
    ("port", "peak"),
    [(picture("y", 8, 8), 255), (tensor("y", (1, 8, 8, 3), 0, 1), 1), (tensor("y", (1, 8, 8, 3)), 0.5)],
    ids=["picture", "known range", "range of the values"],
)
def test_the_peak_of_an_output(port: Port, peak: float) -> None:
    reference = np.full((8, 8, 3), 0.25)
    reference[0] = 0.75
    found = parity([({"y": reference + 0.01}, {"y": reference})], [port])
    assert found["psnr"] == pytest.approx(10 * math.log10(peak**2 / 0.01**2), abs=1e-3)


def test_a_constant_output_with_a_known_range_can_be_compared() -> None:
    """A network that finds nothing in any sample is a network all the same."""
    nothing = np.zeros((8, 8, 1))
    found = parity([({"mask": nothing + 0.1}, {"mask": nothing})], [tensor("mask", (1, 8, 8, 1), 0, 1)])
    assert found["psnr"] == pytest.approx(20)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"y": np.zeros((1, 1, 1))}, "its output has the wrong size: y 1x1x1 instead of y 4x4x1"),
        ({"x": np.zeros((4, 4, 1))}, "its output has the wrong size: x 4x4x1 instead of y 4x4x1"),
        ({}, "its output has the wrong size:  instead of y 4x4x1"),
        ({"y": np.full((4, 4, 1), np.nan)}, "its output is not finite"),
        ({"y": np.ones((4, 4, 1))}, ""),
    ],
)
def test_what_cannot_be_compared_says_why(own: dict[str, np.ndarray], reason: str) -> None:
    assert incomparable([(own, {"y": np.zeros((4, 4, 1))})]) == reason
