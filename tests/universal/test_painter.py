"""Painting after paintings at hand: strength, several styles, masks, and kept colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from export_pipeline.errors import CheckpointError
from export_pipeline.models import adain_subpixel
from export_pipeline.models.adain import STATISTICS
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.style_encoding import ENCODER_SHA256, encode
from export_pipeline.train.warm_start import origin, with_warm_start
from export_pipeline.universal.painter import LUMINANCE, RELEASED, How, Painter, composed, mask_of, mixed
from tests.builds import COMMITTED
from tests.small_training import picture

PHOTO, STYLE, OTHER = picture(1, 40, 56), picture(2, 64, 64), picture(3, 50, 70)


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(adain_subpixel(alpha=0.25, blocks=1, margin=4))


def test_a_picture_has_the_size_of_the_photograph_and_follows_the_style(painter: Painter) -> None:
    one, other = (painter.paint(PHOTO, encode(style)) for style in (STYLE, OTHER))
    assert (one.dtype, one.shape) == (np.uint8, PHOTO.shape)
    assert (one != other).any()
    plain = [painter.paint(PHOTO, encode(style), How(strength=0.0)) for style in (STYLE, OTHER)]
    np.testing.assert_array_equal(*plain)


def test_bands_make_no_difference(painter: Painter) -> None:
    style = encode(STYLE)
    whole, banded = (painter.paint(PHOTO, style, How(rows=rows)).astype(int) for rows in (1000, 4))
    assert np.abs(whole - banded).max() <= 1


def test_styles_are_mixed_by_their_shares() -> None:
    found = mixed([STYLE, OTHER], [0.25, 0.75])
    assert found.shape == (1, 1, STATISTICS)
    np.testing.assert_allclose(found, 0.25 * encode(STYLE) + 0.75 * encode(OTHER), rtol=1e-5)


def test_colours_that_are_kept_are_those_of_the_photograph(painter: Painter) -> None:
    photo = (PHOTO // 3 + 85).astype(np.uint8)  # whose colours nothing cuts off
    plain, kept = (painter.paint(photo, encode(STYLE), How(preserve_colour=keep)) for keep in (False, True))
    inside = ((kept > 0) & (kept < 255)).all(-1)
    assert inside.any()
    chroma = [(image - (image @ LUMINANCE)[..., None])[inside] for image in (photo.astype(np.float32), kept)]
    np.testing.assert_allclose(chroma[0], chroma[1], atol=1.1)
    np.testing.assert_allclose((plain @ LUMINANCE)[inside], (kept @ LUMINANCE)[inside], atol=1.1)


def test_each_picture_stands_where_its_mask_is_bright() -> None:
    one, other = np.full((2, 3, 3), 40, np.uint8), np.full((2, 3, 3), 200, np.uint8)
    masks = [np.array([[255, 0, 0]] * 2, np.uint8), np.array([[0, 255, 0]] * 2, np.uint8)]
    found = composed([one, other], masks)
    np.testing.assert_array_equal(found[0, :, 0], [40, 200, 120])


def test_a_mask_is_the_brightness_at_the_size_of_the_photograph() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[:, 10:] = 255
    found = mask_of(image, 20, 40)
    assert found.shape == (20, 40)
    assert (found[:, :18] == 0).all()
    assert (found[:, 22:] == 255).all()


def test_a_checkpoint_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="of a network of style_transfer; allowed: one of arbitrary_style"):
        Painter.open(COMMITTED / "checkpoint.safetensors")
    with pytest.raises(CheckpointError, match="does not exist"):
        Painter.open(tmp_path / "none.safetensors")


def test_a_network_that_another_encoder_told_styles_is_refused_at_every_door(tmp_path: Path) -> None:
    told = safe_open(RELEASED, "np")
    info = json.loads(told.metadata()["checkpoint"]) | {ENCODER_SHA256: "0" * 64}
    tensors = {name: told.get_tensor(name) for name in told.keys()}  # noqa: SIM118 - no mapping
    other = tmp_path / "other.safetensors"
    save_file(tensors, other, {"checkpoint": json.dumps(info)})
    with pytest.raises(CheckpointError, match=r"other\.safetensors was trained with another style encoder"):
        Painter.open(other)
    (tmp_path / "taken.toml").write_text(
        'name = "taken"\ntask = "arbitrary_style"\n[train]\nsteps = 0\nwarm_start = "other.safetensors"\n'
    )
    recipe = with_warm_start(Recipe.load(tmp_path / "taken.toml"))
    with pytest.raises(CheckpointError, match=r"other\.safetensors was trained with another style encoder"):
        open_task(recipe, origin(recipe))
