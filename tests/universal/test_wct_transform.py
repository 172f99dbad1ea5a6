"""Whitening and colouring gives features the statistics of others, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.universal.wct.transform import Statistics, Sums, transfer

CHANNELS = 7


def features(seed: int, height: int = 23, width: int = 31) -> np.ndarray:
    """Features with a mean and a covariance of their own, ``(H, W, C)`` float64."""
    random = np.random.default_rng(seed)
    mixing = random.normal(0, 40, (CHANNELS, CHANNELS))
    return random.exponential(1, (height, width, CHANNELS)) @ mixing + random.uniform(0, 500, CHANNELS)


def of(*parts: np.ndarray) -> Statistics:
    sums = Sums(parts[0].shape[-1])
    for part in parts:
        sums.add(part)
    return sums.statistics()


CONTENT, STYLE, OTHER = features(1), features(2), features(3, 12, 50)


def assert_alike(found: Statistics, wanted: Statistics, share: float = 1e-9) -> None:
    np.testing.assert_allclose(found.mean, wanted.mean, atol=share * np.abs(wanted.mean).max())
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=share * np.abs(wanted.covariance).max())


def test_statistics_are_those_of_all_positions_whatever_the_parts() -> None:
    rows = CONTENT.reshape(-1, CHANNELS)
    wanted = Statistics(rows.mean(0), np.cov(rows.T, bias=True))
    assert_alike(of(CONTENT), wanted)
    assert_alike(of(CONTENT[:5], CONTENT[5:6], CONTENT[6:]), wanted)
    with pytest.raises(ValueError, match="no features"):
        Sums(3).statistics()


def test_the_result_has_mean_and_covariance_of_the_style() -> None:
    assert_alike(of(transfer(of(CONTENT), [of(STYLE)], [1.0])(CONTENT)), of(STYLE))


def test_strength_0_is_the_identity() -> None:
    np.testing.assert_array_equal(transfer(of(CONTENT), [of(STYLE)], [1.0], 0.0)(CONTENT), CONTENT)


def test_the_style_of_the_content_itself_is_the_identity() -> None:
    np.testing.assert_allclose(transfer(of(CONTENT), [of(CONTENT)], [1.0])(CONTENT), CONTENT, atol=1e-7)


def test_strength_and_shares_mix_what_comes_of_each() -> None:
    content, styles = of(CONTENT), [of(STYLE), of(OTHER)]
    one, other = (transfer(content, [style], [1.0])(CONTENT) for style in styles)
    mixed = transfer(content, styles, [0.3, 0.7], 0.6)(CONTENT)
    np.testing.assert_allclose(mixed, 0.4 * CONTENT + 0.6 * (0.3 * one + 0.7 * other), rtol=1e-9)


def test_a_channel_that_never_fires_stays_finite_and_takes_the_style_s_mean() -> None:
    dead = CONTENT.copy()
    dead[..., 2] = 0
    found = transfer(of(dead), [of(STYLE)], [1.0])(dead)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(of(found).mean, of(STYLE).mean, rtol=1e-9)
    assert np.abs(found).max() < 100 * np.abs(STYLE).max()


def test_flat_features_become_the_style_s_mean() -> None:
    flat = np.full_like(CONTENT, 3.0)
    found = transfer(of(flat), [of(STYLE)], [1.0])(flat)
    np.testing.assert_allclose(found, np.broadcast_to(of(STYLE).mean, flat.shape), rtol=1e-9)


def test_single_precision_stays_single() -> None:
    found = transfer(of(CONTENT), [of(STYLE)], [1.0])(CONTENT.astype(np.float32))
    assert found.dtype == np.float32
    assert_alike(of(found), of(STYLE), 1e-4)


def test_channels_alone_get_mean_and_variance_and_keep_how_they_vary_together() -> None:
    found = of(transfer(of(CONTENT), [of(STYLE)], [1.0], diagonal=True)(CONTENT))
    np.testing.assert_allclose(found.mean, of(STYLE).mean)
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(of(STYLE).covariance))
    spread = np.sqrt(np.diag(found.covariance))
    before = np.corrcoef(CONTENT.reshape(-1, CHANNELS).T)
    np.testing.assert_allclose(found.covariance / np.outer(spread, spread), before)


def test_a_weak_channel_alone_gets_the_style_s_deviation_and_a_flat_one_its_mean() -> None:
    weak = CONTENT.copy()
    weak[..., 2] /= 1e4
    weak[..., 4] = 7
    found = of(transfer(of(weak), [of(STYLE)], [1.0], diagonal=True)(weak))
    wanted = np.diag(of(STYLE).covariance).copy()
    wanted[4] = 0
    np.testing.assert_allclose(np.diag(found.covariance), wanted, atol=1e-6)
    np.testing.assert_allclose(found.mean, of(STYLE).mean)
