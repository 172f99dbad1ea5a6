"""The loss network that comes along: its file, its embedding, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline import coding
from export_pipeline.distill.student import selection, slimmed
from export_pipeline.errors import WeightsError
from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.loss_network import (
    DISTILLED,
    LossNetwork,
    distilled,
    from_arrays,
    loss_network,
    named_loss_network,
    symmetric_root,
)
from export_pipeline.perception.losses import STYLE_LOSSES, PerceptualLoss
from export_pipeline.perception.statistics import gram, moments
from export_pipeline.recipe import Recipe, StyleTrainTable

Arrays = dict[str, np.ndarray]
PHOTOS = np.random.default_rng(5).uniform(0, 255, (2, 40, 48, 3)).astype(np.float32)
STYLE = np.random.default_rng(6).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def arrays(vgg_arrays: Any) -> Arrays:
    """A student of random weights with random embeddings."""
    start, random = slimmed(vgg_arrays, 0.25), np.random.default_rng(7)
    found: Arrays = {}
    for layer, (kernel, bias) in start.weights.items():
        found |= {f"{layer}_kernel": kernel, f"{layer}_bias": bias}
    for stage in STAGES:
        narrow, wide = (group[stage.replace("relu", "conv")] for group in (start.weights, vgg_arrays))
        shape = (1, 1, len(narrow[1]), len(wide[1]))
        found[f"{stage}_embedding"] = random.normal(0, 0.2, shape).astype(np.float32)
    return found


def test_it_has_a_fifteenth_of_the_parameters_and_takes_less_than_a_mebibyte() -> None:
    network = distilled()
    parameters = sum(kernel.size + bias.size for kernel, bias in network.weights.values())
    original = 12_944_960  # VGG-19 up to relu5_1
    assert parameters == 810_128
    assert original / parameters > 15.5
    assert DISTILLED.stat().st_size < 2**20
    assert set(network.roots) == set(STAGES)


def test_its_hash_is_of_what_is_stored_and_not_of_what_a_machine_computes(arrays: Arrays) -> None:
    """The roots differ in their last bits from processor to processor; the hash names the file everywhere."""
    network = from_arrays(arrays, "here")
    digest = hashlib.sha256()
    for layer in sorted(network.weights):
        for part in ("kernel", "bias"):
            array = arrays[f"{layer}_{part}"]
            digest.update(f"{layer}{array.shape}".encode() + array.tobytes())
    for stage in STAGES:
        digest.update(stage.encode() + arrays[f"{stage}_embedding"].tobytes())
    assert network.sha256 == digest.hexdigest()


# A loss of squares is off twice as far as the distances are.
@pytest.mark.parametrize(("style_loss", "tolerance"), [("gram", 0.35), ("moments", 0.6)])
def test_it_sees_what_vgg19_sees(vgg_cached: None, style_loss: Any, tolerance: float) -> None:
    """Distances of images by both: a network of random weights, or one for BGR, would be far off."""
    import skimage.data

    photo = skimage.data.astronaut()[:256, :256]
    others = [photo[::-1], 255 - photo, np.clip(photo * 0.6 + 40, 0, 255), np.roll(photo, 3, 1)]
    batch = np.stack(others).astype(np.float32)
    same = np.repeat(photo[None].astype(np.float32), len(others), 0)
    table = StyleTrainTable(style_size=256, style_loss=style_loss)
    by = {name: PerceptualLoss(named_loss_network(name), photo, table)(same, batch) for name in ("vgg19", "distilled")}
    for what, allowed in (("content", 0.35), ("style", tolerance)):
        np.testing.assert_allclose(by["distilled"][what], by["vgg19"][what], rtol=allowed)


def test_embedded_norms_are_those_of_the_wide_features(arrays: Arrays) -> None:
    """``||F' S||``, ``||S G' S||``, ``||S C' S||`` and ``||m' S||`` against F' Q itself, which is never computed."""
    network = from_arrays(arrays, "test")
    for stage, narrow in zip(STAGES[:3], network.features(STAGES[:3])(PHOTOS), strict=True):
        wide = narrow.numpy().astype(np.float64) @ arrays[f"{stage}_embedding"][0, 0]
        flat = wide.reshape(len(wide), -1, wide.shape[-1])
        grams = flat.transpose(0, 2, 1) @ flat / narrow.numpy()[0].size
        own = network.embedded_matrix(gram(narrow), stage).numpy()
        np.testing.assert_allclose(np.linalg.norm(own, axis=(1, 2)), np.linalg.norm(grams, axis=(1, 2)), rtol=1e-4)
        mean, covariance = moments(narrow)
        of_wide = np.stack([np.cov(image.T, bias=True) for image in flat])
        own = network.embedded_matrix(covariance, stage).numpy()
        np.testing.assert_allclose(np.linalg.norm(own, axis=(1, 2)), np.linalg.norm(of_wide, axis=(1, 2)), rtol=1e-4)
        own = network.embedded_mean(mean, stage).numpy()
        np.testing.assert_allclose(np.linalg.norm(own, axis=1), np.linalg.norm(flat.mean(1), axis=1), rtol=1e-4)
        own = network.embedded(narrow, stage).numpy()
        np.testing.assert_allclose(np.linalg.norm(own), np.linalg.norm(wide), rtol=1e-4)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_an_embedding_that_turns_the_features_changes_no_loss(arrays: Arrays, style_loss: Any) -> None:
    plain = {name: array for name, array in arrays.items() if not name.endswith("embedding")}
    turned = dict(plain)
    for stage in STAGES:
        count = len(plain[f"{stage.replace('relu', 'conv')}_bias"])
        random = np.random.default_rng(count).normal(size=(count, count))
        turned[f"{stage}_embedding"] = np.linalg.qr(random)[0][None, None].astype(np.float32)
    table = StyleTrainTable(style_size=64, style_loss=style_loss)
    found = [
        PerceptualLoss(from_arrays(given, "test"), STYLE, table)(PHOTOS, PHOTOS[::-1]) for given in (plain, turned)
    ]
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-3)


def test_a_container_gives_back_the_network(arrays: Arrays, tmp_path: Path) -> None:
    coding.write(tmp_path / "student.weights", arrays)
    network = distilled(tmp_path / "student.weights")
    np.testing.assert_array_equal(network.weights["conv3_2"][0], arrays["conv3_2_kernel"])
    embedding = arrays["relu2_1_embedding"][0, 0].astype(np.float64)
    root = network.roots["relu2_1"].astype(np.float64)
    np.testing.assert_allclose(root @ root, embedding @ embedding.T, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("conv2_1_kernel", None, "lacks conv2_1_kernel"),
        ("conv2_1_kernel", np.zeros((3, 3, 5, 32), np.float32), "conv2_1 are (3, 3, 5, 32)"),
        ("conv5_1_bias", np.zeros(7, np.float32), "conv5_1"),
        ("conv1_1_bias", np.full(16, np.nan, np.float32), "not of finite floats"),
        ("conv1_1_bias", np.zeros(16, np.int32), "not of finite floats"),
        ("relu3_1_embedding", np.zeros((1, 1, 63, 256), np.float32), "embedding of relu3_1"),
    ],
)
def test_what_does_not_fit_is_refused(arrays: Arrays, name: str, value: Any, said: str) -> None:
    changed = {key: array for key, array in arrays.items() if key != name}
    if value is not None:
        changed[name] = value
    with pytest.raises(WeightsError, match="my file") as raised:
        from_arrays(changed, "my file")
    assert said in str(raised.value)


def test_the_recipe_chooses(make_recipe: Callable[..., Recipe], vgg_arrays: Any) -> None:
    assert loss_network(make_recipe()) is distilled()
    original = loss_network(make_recipe(train={"loss_network": "vgg19"}))
    assert not original.roots
    np.testing.assert_array_equal(original.weights["conv1_1"][0], vgg_arrays["conv1_1"][0])


def test_the_root_of_an_embedding_of_low_rank_is_finite() -> None:
    embedding = np.outer(np.arange(4), np.ones(6)).astype(np.float32)
    root = symmetric_root(embedding)
    assert np.isfinite(root).all()
    np.testing.assert_allclose(root @ root, embedding @ embedding.T, atol=1e-4)


def test_slimming_keeps_the_filters_of_largest_norm(vgg_arrays: Any) -> None:
    found = slimmed(vgg_arrays, 0.25)
    norms = np.abs(vgg_arrays["conv1_2"][0]).sum((0, 1, 2))
    assert set(found.kept["conv1_2"]) == set(np.argsort(-norms)[:16])
    kernel, bias = found.weights["conv1_2"]
    first, second = found.kept["conv1_1"][3], found.kept["conv1_2"][5]
    np.testing.assert_array_equal(kernel[:, :, 3, 5], vgg_arrays["conv1_2"][0][:, :, first, second])
    assert bias[5] == vgg_arrays["conv1_2"][1][second]
    assert selection(found.kept["conv1_1"], 64).sum() == 16


def test_a_loss_network_of_no_embedding_leaves_features_as_they_are(vgg_arrays: Any) -> None:
    features, network = np.ones((1, 2, 2, 64), np.float32), LossNetwork(vgg_arrays)
    for same in (network.embedded, network.embedded_matrix, network.embedded_mean):
        assert same(features, "relu1_1") is features
