"""What only the subpixel network has: its margin, and what it makes of means over the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline import models
from tests.models.material import NARROW, photo, scrambled


@pytest.mark.parametrize("points", [1, 2])
def test_subpixel_continues_what_its_first_convolution_makes(points: int) -> None:
    """As if the squares at the edges lay there again, for all that is not within reach of the zeros around them."""
    plain, image = scrambled(models.subpixel(alpha=NARROW, blocks=0, norm="batch")), photo(24, 32)
    model = models.subpixel(alpha=NARROW, blocks=0, norm="batch", margin=4 * points)
    model.set_weights(plain.get_weights())
    squares = image.reshape(1, 6, 4, 8, 4, 3)
    repeated = np.pad(squares, ((0, 0), (2, 2), (0, 0), (2, 2), (0, 0), (0, 0)), mode="edge").reshape(1, 40, 48, 3)
    np.testing.assert_allclose(model(image), plain(repeated)[:, 8:-8, 8:-8], atol=1e-3)


def test_subpixel_refuses_a_margin_of_parts_of_a_square() -> None:
    with pytest.raises(ValueError, match="margin is 6; it must be a multiple of 4"):
        models.subpixel(margin=6)


def test_it_adapts_to_the_whole_image() -> None:
    """Untrained, the context has no effect; trained, what lies far away shifts every pixel."""
    model, image = models.subpixel(alpha=NARROW, norm="batch"), photo(160, 32)
    darker = image.copy()
    darker[:, 80:] *= 0.2
    near = slice(0, 16)  # no convolution reaches from there to what has changed
    np.testing.assert_array_equal(model(image)[:, near], model(darker)[:, near])
    context = model.get_layer("context_conv")
    context.set_weights([np.random.default_rng(0).normal(0, 1, weight.shape) for weight in context.get_weights()])
    assert np.abs(model(image)[:, near] - model(darker)[:, near]).mean() > 0.1
