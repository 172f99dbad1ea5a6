"""The decoders that come along: small, whole, as their record says, and without seams in a large picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

from export_pipeline.base.files import sha256
from export_pipeline.base.images import fit
from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.codec import RELEASED, Codec
from export_pipeline.perception.loss_network import distilled
from export_pipeline.tasks import builtin
from export_pipeline.universal.wct.paint import DEEPEST, How, paint
from export_pipeline.universal.wct.record import Decoders

MOST_BYTES = 500_000  # of all five decoders
FILE = RELEASED["distilled"]
LEAST_DB = {"relu1_1": 26.0, "relu2_1": 24.0, "relu3_1": 21.0, "relu4_1": 18.0, "relu5_1": 14.0}
SEAMLESS_DB = 50.0
# No stage is begun there unless it is asked for; whoever distils a network that can do better will see it here.
WHY = "84 of the distilled network's 128 filters at relu5_1 never fire: the mean colour is nearer than what is rebuilt"
TOLD_TOO_LITTLE = pytest.param(STAGES[-1], marks=pytest.mark.xfail(reason=WHY, strict=True))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean(np.square(one.astype(float) - other.astype(float)))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def test_the_file_is_small_and_what_its_record_says() -> None:
    record = Decoders.model_validate_json(FILE.with_suffix(".json").read_text())
    assert FILE.stat().st_size == record.bytes <= MOST_BYTES
    assert sha256(FILE) == record.sha256
    assert record.training.encoder_sha256 == distilled().sha256
    assert json.loads(FILE.with_suffix(".json").read_text())["log"]
    for tap in STAGES:
        assert record.psnr[tap] > record.float_psnr[tap] - 1


@pytest.mark.parametrize("tap", [*STAGES[:-1], TOLD_TOO_LITTLE])
def test_a_decoder_rebuilds_a_photograph_that_nobody_showed_it(tap: str) -> None:
    codec = Codec.open("distilled")
    image = fit(builtin.photographs()["coffee"], 256, 256)[None].astype(np.float32)
    made = np.clip(codec.decode(codec.encode(image, tap), tap), 0, 255)
    flat = np.broadcast_to(image.mean((1, 2), keepdims=True), image.shape)
    assert psnr(made, image) > max(LEAST_DB[tap], psnr(flat, image) + 3)


def test_there_is_one_for_each_tap_and_the_default_is_one_that_rebuilds() -> None:
    assert Codec.open("distilled").taps == STAGES
    assert DEEPEST in STAGES[:-1]


def test_a_large_picture_in_squares_is_the_picture_at_once() -> None:
    codec, photo, style = Codec.open("distilled"), builtin.photographs()["china"], builtin.style_image()
    large = fit(photo, 1024, 1024)
    whole, squares = (paint(codec, large, [style], [1.0], How(tile=tile)) for tile in (1024, 384))
    assert psnr(whole, squares) > SEAMLESS_DB
    assert np.abs(whole.astype(int) - large).mean() > 20


def test_the_picture_is_nearer_to_the_style_in_its_colours() -> None:
    codec, style = Codec.open("distilled"), builtin.style_image()
    photo = fit(builtin.photographs()["coffee"], 256, 256)
    made = paint(codec, photo, [style], [1.0])
    distances = [np.linalg.norm(one.mean((0, 1)) - style.mean((0, 1))) for one in (photo, made)]
    assert distances[1] < 0.4 * distances[0]
