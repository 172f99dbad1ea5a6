"""Decoders that begin as another encoder's paint what those paint, and learn from there on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.errors import UsageError
from export_pipeline.models.mirrored import mirrored_decoder
from export_pipeline.models.vgg import STAGES, needed_layers
from export_pipeline.perception.codec import Codec, channels_of
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.universal.wct.decoders import material, train_decoders, training_of
from export_pipeline.universal.wct.record import Phase
from export_pipeline.universal.wct.widened import begin_as, feature_map
from tests.universal.wct_material import arrays_of, narrow_codec, narrow_network

NARROW = narrow_codec()


def wide_network() -> LossNetwork:
    """The narrow one, with three filters more in each layer, which none of the narrow ones read."""
    random, weights, added = np.random.default_rng(8), {}, 0
    for layer in needed_layers(STAGES):
        kernel, bias = NARROW.network.weights[layer]
        wide = random.standard_normal((3, 3, kernel.shape[2] + added, kernel.shape[3] + 3)).astype(np.float32) * 0.2
        wide[:, :, :, : kernel.shape[3]] = 0
        wide[:, :, : kernel.shape[2], : kernel.shape[3]] = kernel
        weights[layer], added = (wide, np.concatenate([bias, np.ones(3, np.float32)])), 3
    return LossNetwork(weights)


@pytest.mark.parametrize("tap", STAGES[:4])
def test_a_wide_decoder_first_paints_what_the_narrow_one_paints(tap: str) -> None:
    network, images = wide_network(), np.random.default_rng(2).uniform(0, 255, (6, 32, 32, 3)).astype(np.float32)
    codec = Codec.of(network, arrays_of(network, (tap,)), "test")
    wanted = NARROW.decode(NARROW.encode(images, tap), tap)
    assert np.abs(codec.decode(codec.encode(images, tap), tap) - wanted).max() > 1
    decoder = mirrored_decoder(channels_of(network), tap, 20.0)
    begin_as(decoder, 20.0, NARROW, tap, feature_map(network, NARROW, tap, [images]))
    found = decoder(codec.encode(images, tap), training=False).numpy()
    assert np.abs(found - wanted).max() < 0.02 * wanted.std()


def test_training_begins_there_and_the_record_says_so(folder: Path) -> None:
    photographs, held = material([folder / "content"], 2)
    network = wide_network()
    phases = {"relu2_1": (Phase(steps=1, crop=32, batch_size=1),)}
    made = {}
    for name, start in (("nothing", None), ("start", NARROW)):
        training = training_of(
            "wide", network, photographs, phases, start_sha256=start and start.sha256, learning_rate=1e-9
        )
        made[name] = train_decoders(
            network, training, photographs, held, folder / f"{name}.weights", start=start, bits=8
        )
    wanted = train_decoders(
        NARROW.network,
        training_of("narrow", NARROW.network, photographs, phases, start_sha256=NARROW.sha256, learning_rate=1e-9),
        photographs,
        held,
        folder / "narrow.weights",
        start=NARROW,
        bits=8,
    )
    assert made["start"].float_psnr["relu2_1"] == pytest.approx(wanted.float_psnr["relu2_1"], abs=0.1)
    assert made["nothing"].float_psnr["relu2_1"] != pytest.approx(wanted.float_psnr["relu2_1"], abs=0.1)
    assert made["start"].training.start_sha256 == NARROW.sha256


def test_decoders_that_cannot_be_the_beginning_are_refused(folder: Path) -> None:
    photographs, held = material([folder / "content"], 2)
    phases = {"relu2_1": (Phase(steps=1, crop=32, batch_size=1),)}
    wide = wide_network()
    for network, start, part in (
        (narrow_network(), Codec.of(wide, arrays_of(wide, STAGES[:2]), "test"), "more filters in conv1_1"),
        (wide, narrow_codec(STAGES[:1]), "lack relu2_1"),
    ):
        training = training_of("any", network, photographs, phases, start_sha256=start.sha256)
        with pytest.raises(UsageError, match=part):
            train_decoders(network, training, photographs, held, folder / "any.weights", start=start)
