"""Axes along which styles differ, and the file of those that come along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline import coding
from export_pipeline.errors import CheckpointError, WeightsError
from export_pipeline.models.adain import AXES, COLORS, MOMENTS
from export_pipeline.tasks import builtin
from export_pipeline.tasks.style_axes import REGULARIZING, axes_of, style_axes, write_style_axes
from export_pipeline.tasks.style_encoding import ENCODER_SHA256, check_encoder, encode, encoder_sha256, moments_of

random = np.random.default_rng(0)


def moments(styles: int, known: int) -> np.ndarray:
    """Of styles whose moments go up and down together; variances fall by four orders of magnitude."""
    turned = np.linalg.qr(random.normal(size=(known, known)))[0]
    return 3 + random.normal(size=(styles, known)) * np.geomspace(3, 0.03, known) @ turned


def test_along_the_axes_moments_are_centred_uncorrelated_and_vary_by_one_or_less() -> None:
    given = moments(2000, 40)
    mean, axes = axes_of(given, 35)
    told = (given - mean) @ axes
    np.testing.assert_allclose(told.mean(0), 0, atol=1e-3)
    covariance = np.cov(told.T)
    variances = np.diag(covariance)
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-3)
    assert (np.diff(variances) < 0).all()
    assert variances[0] > 0.99
    assert variances[REGULARIZING - 1] == pytest.approx(0.5, abs=1e-3)


def test_the_sign_of_an_axis_does_not_depend_on_the_machine() -> None:
    _, axes = axes_of(moments(50, 12), 12)
    greatest = axes[np.abs(axes).argmax(0), np.arange(12)]
    assert (greatest > 0).all()


def test_styles_that_are_all_alike_have_axes_too() -> None:
    mean, axes = axes_of(np.ones((3, 4)), 2)
    np.testing.assert_array_equal(mean, 1)
    assert np.isfinite(axes).all()


@pytest.mark.parametrize(("shape", "count"), [((5, 4), 5), ((4, 9), 4)], ids=str)
def test_too_few_styles_or_moments_are_refused(shape: tuple[int, int], count: int) -> None:
    with pytest.raises(ValueError, match=f"{shape[0]} styles with {shape[1]} moments have no {count} axes"):
        axes_of(np.zeros(shape), count)


def test_a_file_keeps_them(tmp_path: Path) -> None:
    mean, axes = axes_of(moments(50, 12), 8)
    write_style_axes(tmp_path / "a.weights", mean, axes)
    found = style_axes(tmp_path / "a.weights")
    np.testing.assert_allclose(found[0], mean, rtol=1e-3)
    np.testing.assert_allclose(found[1], axes, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"mean": np.zeros(3)}, r"mean \(3,\)"),
        ({"mean": np.zeros(3), "axes": np.zeros((2, 3))}, r"mean \(3,\), axes \(2, 3\)"),
        ({"mean": np.zeros(3), "axes": np.zeros(3)}, r"mean \(3,\), axes \(3,\)"),
        ({"mean": np.zeros(3), "axes": np.full((3, 1), np.nan)}, r"mean \(3,\), axes \(3, 1\)"),
    ],
    ids=["no axes", "turned", "one", "not a number"],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], found: str) -> None:
    coding.write(tmp_path / "a.weights", arrays)
    with pytest.raises(WeightsError, match=rf"a\.weights has {found}; it must have finite numbers, mean \(M,\)"):
        style_axes(tmp_path / "a.weights")


def test_those_that_come_along_tell_styles_apart() -> None:
    mean, axes = style_axes()
    assert (mean.shape, axes.shape) == ((MOMENTS,), (MOMENTS, AXES))
    paintings = [builtin.style_image(), *builtin.photographs().values()]
    told = np.stack([encode(one).ravel() for one in paintings])
    assert told.shape[1] == AXES + COLORS
    np.testing.assert_allclose(told[:, :AXES], (moments_of(paintings) - mean) @ axes, atol=2e-3)
    apart = np.linalg.norm(told[:, None, :AXES] - told[:, :AXES], axis=-1)
    assert apart[~np.eye(len(told), dtype=bool)].min() > 2


def test_a_network_that_another_encoder_told_styles_is_refused() -> None:
    check_encoder({ENCODER_SHA256: encoder_sha256()}, "a.safetensors")
    check_encoder({}, "an earlier one, which does not say")
    with pytest.raises(CheckpointError, match=r"a\.safetensors was trained with another style encoder"):
        check_encoder({ENCODER_SHA256: "0" * 64}, "a.safetensors")
