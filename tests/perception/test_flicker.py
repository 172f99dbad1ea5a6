"""Flicker: what moves along with the photograph has none, what stands on the screen has."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.perception.flicker import flicker

PHOTO = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)


def test_the_photograph_moves_with_the_camera_and_changes_with_the_light() -> None:
    found = flicker(lambda photo: photo, PHOTO)
    assert found.pan == 0
    assert found.light == pytest.approx(0.03 * np.sqrt(np.mean(np.square(PHOTO.astype(float)))), rel=0.1)


def test_a_picture_that_never_changes_moves_against_the_camera() -> None:
    found = flicker(lambda photo: PHOTO, PHOTO)
    assert found.light == 0
    assert found.pan == pytest.approx(255 / np.sqrt(6), rel=0.05)  # two independent uniform levels


def test_a_weave_of_period_4_on_the_screen_flickers() -> None:
    weave = 20.0 * (np.indices(PHOTO.shape[:2]).sum(0) % 4 == 0)[..., None]
    assert flicker(lambda photo: photo + weave, PHOTO).pan > 5
    assert flicker(lambda photo: photo + 20.0, PHOTO).pan == 0


def test_pictures_of_0_to_255_floats_are_taken() -> None:
    halved = flicker(lambda photo: photo.astype(np.float32) / 2, PHOTO)
    assert halved.pan == 0
    assert halved.light == pytest.approx(flicker(lambda photo: photo, PHOTO).light / 2, rel=0.01)
