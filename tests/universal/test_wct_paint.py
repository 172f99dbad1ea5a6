"""Painting by whitening and colouring: in squares as at once, with the statistics of the whole picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.codec import Codec
from export_pipeline.universal.wct.paint import STEP, How, Stage, paint, statistics_of
from export_pipeline.universal.wct.tiles import boxes
from tests.small_training import picture
from tests.universal.wct_material import narrow_codec

PHOTO, STYLE, OTHER = picture(1, 150, 210), picture(2, 64, 64), picture(3, 50, 70)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return narrow_codec()


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean(np.square(one.astype(float) - other.astype(float)))
    return 10 * np.log10(255**2 / max(error, 1e-9))


def test_a_picture_has_the_size_of_the_photograph_and_follows_the_style(codec: Codec) -> None:
    one, other = (paint(codec, PHOTO, [style], [1.0]) for style in (STYLE, OTHER))
    assert (one.dtype, one.shape) == (np.uint8, PHOTO.shape)
    assert (one != other).any()
    mixed = paint(codec, PHOTO, [STYLE, OTHER], [1.0, 0.0])
    np.testing.assert_array_equal(mixed, one)


@pytest.mark.parametrize("tap", STAGES)
def test_a_stage_in_squares_is_the_stage_at_once(codec: Codec, tap: str) -> None:
    """Of both kinds: with features that are kept, as of the deepest taps, and with those that are made again."""
    image = np.pad(PHOTO, ((0, 10), (0, 14), (0, 0)), mode="edge").astype(np.float32)
    style = [statistics_of(codec, tap, np.ascontiguousarray(image[:96, :64][::-1]))]
    whole, squares = (
        Stage(codec, tap, list(boxes(*image.shape[:2], side))).painted(image, style, [1.0], How())
        for side in (1000, 32)
    )
    assert whole.std() > 1
    np.testing.assert_allclose(squares, whole, atol=0.05)


def test_statistics_of_squares_apart_would_show(codec: Codec) -> None:
    """What the test above would find, were the statistics those of each square."""
    image = np.pad(PHOTO, ((0, 10), (0, 14), (0, 0)), mode="edge").astype(np.float32)
    style = [statistics_of(codec, "relu2_1", image[:96, :64])]
    parts = list(boxes(*image.shape[:2], 32))
    whole = Stage(codec, "relu2_1", parts).painted(image, style, [1.0], How())
    apart = np.empty_like(whole)
    for part in parts:
        apart[part.slices] = Stage(codec, "relu2_1", [part.inside(part)]).painted(
            image[part.slices], style, [1.0], How()
        )
    assert np.abs(apart - whole).mean() > 1


def test_squares_make_no_difference_to_a_picture(codec: Codec) -> None:
    whole, squares = (paint(codec, PHOTO, [STYLE], [1.0], How(deepest="relu5_1", tile=tile)) for tile in (1600, 48))
    assert psnr(whole, squares) > 50


def test_less_strength_is_nearer_to_what_the_decoders_rebuild(codec: Codec) -> None:
    none, some, whole = (paint(codec, PHOTO, [STYLE], [1.0], How(strength)).astype(float) for strength in (0, 0.5, 1))
    assert np.abs(some - none).mean() < np.abs(whole - none).mean()


def test_stages_go_from_coarse_to_fine_and_all_squares_are_told(codec: Codec) -> None:
    told: list[tuple[int, int, str]] = []
    paint(codec, PHOTO, [STYLE], [1.0], How(deepest="relu3_1", tile=112), lambda *one: told.append(one))
    assert [one[0] for one in told] == list(range(1, 3 * 2 * 4 + 1))
    assert {one[1] for one in told} == {24}
    assert list(dict.fromkeys(one[2] for one in told)) == ["relu3_1", "relu2_1", "relu1_1"]


def test_squares_are_as_large_as_the_channels_allow(codec: Codec) -> None:
    assert How().side(codec) == 2048
    assert How(tile=64).side(codec) == 64
    assert How().side(codec) % STEP == 0


def test_an_interrupted_picture_goes_on_after_its_last_whole_stage(codec: Codec, tmp_path: Path) -> None:
    how = How(deepest="relu5_1", tile=112)
    whole = paint(codec, PHOTO, [STYLE], [1.0], how)

    class StopHereError(Exception):
        pass

    def stop(done: int, count: int, stage: str) -> None:
        if stage == "relu3_1":
            raise StopHereError

    with pytest.raises(StopHereError):
        paint(codec, PHOTO, [STYLE], [1.0], how, stop, tmp_path)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith("-2.npy")
    told: list[str] = []
    paint(codec, PHOTO, [OTHER], [1.0], how, lambda *one: told.append(one[2]), tmp_path)
    assert "relu5_1" in told  # of another picture nothing is taken
    told.clear()
    again = paint(codec, PHOTO, [STYLE], [1.0], how, lambda *one: told.append(one[2]), tmp_path)
    np.testing.assert_array_equal(again, whole)
    assert list(dict.fromkeys(told)) == ["relu3_1", "relu2_1", "relu1_1"]
