"""What counts as a weave, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.base.images import load_image
from export_pipeline.perception.weave import local_weave, weave
from tests.builds import COMMITTED

PHOTO = load_image(COMMITTED / "golden" / "photo.png").astype(np.float64)
ROWS, COLUMNS = np.indices(PHOTO.shape[:2])


def stripes(period: int) -> np.ndarray:
    return np.cos(2 * np.pi * COLUMNS / period)


def checkerboard(side: int) -> np.ndarray:
    return np.where((ROWS // side + COLUMNS // side) % 2, 1.0, -1.0)


def test_a_photograph_a_flat_image_and_noise_have_none() -> None:
    noise = np.random.default_rng(0).normal(128, 30, PHOTO.shape)
    assert 0.5 < weave(PHOTO) < 1.3
    assert weave(np.full((16, 16, 3), 77.0)) == pytest.approx(1)
    assert weave(noise) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("pattern", [stripes(4), checkerboard(1), checkerboard(2)], ids=["stripes", "1", "2"])
def test_a_pattern_with_a_period_of_4_pixels_is_one(pattern: np.ndarray) -> None:
    found = [weave(PHOTO + level * pattern[..., None]) for level in (0, 4, 8)]
    assert found[1] > found[0] + 0.4
    assert found[2] > found[1] + 1


def test_a_pattern_may_change_its_sign() -> None:
    sign = np.where(ROWS // 32 % 2, 1.0, -1.0)
    assert weave(PHOTO + 8 * (sign * stripes(4))[..., None]) > weave(PHOTO) + 1


@pytest.mark.parametrize("period", [3, 7, 12])
def test_other_periods_are_none(period: int) -> None:
    assert weave(PHOTO + 8 * stripes(period)[..., None]) < weave(PHOTO) + 0.1


def test_a_pattern_in_a_flat_part_or_along_an_edge_is_seen_locally() -> None:
    """The weave of the whole photograph hardly tells of either."""
    image, dark = PHOTO.copy(), np.s_[-160:, -160:]
    image[dark] = 16
    woven, framed = image.copy(), image.copy()
    woven[dark] += 3 * stripes(4)[dark][..., None]
    framed[:, -14:] += 40 * checkerboard(1)[:, -14:, None]
    assert local_weave(image) < 2.5
    assert max(weave(woven), weave(framed)) < 2 * weave(image) + 1
    assert local_weave(woven) > 10
    assert local_weave(framed) > 3.5


def test_what_is_too_faint_to_be_seen_is_no_local_weave() -> None:
    flat = np.full((40, 70, 3), 77.0)
    assert local_weave(flat) == local_weave(flat[:16, :16]) == pytest.approx(1)
    assert local_weave(flat + 0.1 * stripes(4)[:40, :70, None]) == pytest.approx(1, abs=0.2)
