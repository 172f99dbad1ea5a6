"""Squares cover an image once, and boxes say where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.universal.wct.tiles import Box, boxes


@pytest.mark.parametrize(("height", "width", "side"), [(64, 48, 16), (33, 70, 32), (5, 7, 100)])
def test_every_pixel_lies_in_one_square(height: int, width: int, side: int) -> None:
    seen = np.zeros((height, width), int)
    for box in boxes(height, width, side):
        seen[box.slices] += 1
        assert max(box.bottom - box.top, box.right - box.left) <= side
    assert (seen == 1).all()


def test_a_grown_box_ends_at_the_image_and_knows_where_it_came_from() -> None:
    image = np.arange(40 * 60).reshape(40, 60)
    box = Box(8, 16, 24, 56)
    grown = box.grown(10, 40, 60)
    assert grown == Box(0, 6, 34, 60)
    np.testing.assert_array_equal(image[grown.slices][box.inside(grown).slices], image[box.slices])
    assert box.over(8) == Box(1, 2, 3, 7)
