from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export_pipeline.perception import judge as judging
from export_pipeline.perception.judge import StyleJudge
from models.vgg import LAYERS, MEAN_RGB, kernel_shapes

STYLE = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@cache
def weights() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    return {
        name: (
            (generator.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:3]))).astype(np.float32),
            generator.uniform(0, 0.1, shape[3]).astype(np.float32),
        )
        for name, shape in kernel_shapes().items()
    }


@cache
def judge() -> StyleJudge:
    return StyleJudge(weights(), STYLE)


def features(image: np.ndarray) -> dict[str, np.ndarray]:
    """VGG-19 up to relu4_1 in NumPy, from its definition."""
    x = (image.astype(np.float64) - np.array(MEAN_RGB))[..., ::-1]
    found = {}
    for layer in LAYERS[: LAYERS.index("conv4_1") + 1]:
        if layer.endswith("_1") and layer != "conv1_1":
            x = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
        kernel, bias = weights()[layer]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        height, width = x.shape[:2]
        x = bias + sum(
            padded[i : i + height, j : j + width] @ kernel[i, j].astype(np.float64) for i in range(3) for j in range(3)
        )
        x = np.maximum(x, 0)
        found[layer.replace("conv", "relu")] = x
    return found


def gram(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(-1, x.shape[-1])
    return flat.T @ flat / x.size


def test_the_distances_are_as_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "STYLE_SIDE", 48)  # 512 in NumPy would take long
    small = StyleJudge(weights(), STYLE)
    style = np.asarray(Image.fromarray(STYLE).resize((48, 48), Image.Resampling.LANCZOS))
    generator = np.random.default_rng(2)
    image, photograph = (generator.integers(0, 256, (24, 32, 3)).astype(np.float32) for _ in range(2))

    own, other, wanted = features(image), features(photograph), features(style)
    content = np.linalg.norm(own["relu3_1"] - other["relu3_1"]) / np.linalg.norm(other["relu3_1"])
    grams = [(gram(own[layer]), gram(wanted[layer])) for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1")]
    distance = np.mean([np.linalg.norm(mine - its) / np.linalg.norm(its) for mine, its in grams])

    assert small.content_distance(image, photograph) == pytest.approx(content, rel=1e-4)
    assert small.style_distance(image) == pytest.approx(distance, rel=1e-4)
    both = small.distances(image, small.content_features(photograph))
    assert both == pytest.approx((content, distance), rel=1e-4)


def test_the_style_at_its_own_size_has_no_distance_to_itself() -> None:
    style = np.asarray(Image.fromarray(STYLE).resize((512, 512), Image.Resampling.LANCZOS))
    assert judge().style_distance(style) == pytest.approx(0, abs=1e-6)
    assert judge().style_distance(np.full((64, 64, 3), 128, np.uint8)) > 0.1


def test_a_photograph_has_no_content_distance_to_itself() -> None:
    photograph = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert judge().content_distance(photograph, photograph) == 0
    assert judge().content_distance(255 - photograph, photograph) > 0.1


def test_the_quality_of_a_network_is_the_mean_over_photographs() -> None:
    photos = np.random.default_rng(5).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    found = judge().quality(lambda batch, training: 255 - tf.constant(batch), photos)
    pairs = [(255.0 - photo, photo) for photo in photos]
    assert found.style_distance == pytest.approx(np.mean([judge().style_distance(y) for y, _ in pairs]), abs=1e-6)
    assert found.content_distance == pytest.approx(
        np.mean([judge().content_distance(y, c) for y, c in pairs]), abs=1e-6
    )
