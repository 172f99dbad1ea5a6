"""What every network in ``models.NETWORKS`` keeps to: a new one is tested by being listed there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.models.layers import InstanceNormalization
from tests.models.material import ALL, GIVES, NARROW, STYLE, gives, narrow, narrow_scrambled, of_type, photo, scrambled
from tests.networks import networks_of

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

# The convolution before the residual blocks, whose output is added to theirs.
JOINED = {"johnson": "down2_conv", "small": "down2_conv", "subpixel": "down_conv"}
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def test_every_network_is_of_a_task() -> None:
    assert sorted([*GIVES, *networks_of("arbitrary_style")]) == sorted(models.NETWORKS)


@ALL
def test_any_image_keeps_its_size_and_the_output_its_range(build: Callable[..., Any]) -> None:
    check_sizes_and_range(narrow_scrambled(build))


@STYLE
def test_so_it_does_at_a_lower_resolution(build: Callable[..., Any]) -> None:
    check_sizes_and_range(scrambled(build(alpha=NARROW, rho=0.6)))


def check_sizes_and_range(model: Any) -> None:
    channels, peak = gives(model)
    for height, width, batch in ((1, 1, 1), (2, 3, 1), (16, 16, 3), (17, 30, 1), (31, 64, 2), (65, 43, 1)):
        output = model(photo(height, width, batch), training=False).numpy()
        assert output.shape == (batch, height, width, channels)
        assert output.dtype == np.float32
        assert np.isfinite(output).all()
        assert output.min() >= 0
        assert output.max() <= peak


@STYLE
def test_the_output_uses_the_whole_range(build: Callable[..., Any]) -> None:
    output = narrow(build)(photo(64, 64)).numpy()
    assert output.min() < 64
    assert output.max() > 192


@ALL
@pytest.mark.parametrize("size", [(30, 33), (32, 48)])
def test_a_fixed_size_computes_what_any_size_does(build: Callable[..., Any], size: tuple[int, int]) -> None:
    check_fixed_size(build, size)


@STYLE
def test_so_it_does_at_a_fixed_share_of_the_size(build: Callable[..., Any]) -> None:
    check_fixed_size(build, (32, 48), rho=0.35)


def check_fixed_size(build: Callable[..., Any], size: tuple[int, int], **arguments: Any) -> None:
    height, width = size
    free = scrambled(build(alpha=NARROW, **arguments)) if arguments else narrow_scrambled(build)
    fixed = build(alpha=NARROW, height=height, width=width, **arguments)
    fixed.set_weights(free.get_weights())
    assert fixed.output_shape == (None, height, width, gives(fixed)[0])
    np.testing.assert_array_equal(fixed(photo(height, width)), free(photo(height, width)))


@ALL
def test_each_image_of_a_batch_is_on_its_own(build: Callable[..., Any]) -> None:
    model, images = narrow_scrambled(build), photo(20, 24, 3)
    whole = model(images).numpy()
    for index in range(3):
        np.testing.assert_allclose(whole[index], model(images[index : index + 1])[0], atol=2e-3)


@ALL
def test_alpha_scales_the_filters_of_every_layer(build: Callable[..., Any]) -> None:
    full, half = (of_type(build(alpha=alpha), keras.layers.Conv2D) for alpha in (1, 0.5))
    assert [layer.filters for layer in half[:-1]] == [layer.filters // 2 for layer in full[:-1]]
    made = narrow(build)
    last = 4 * 4 * 3 if made.name == "subpixel" else gives(made)[0]
    assert half[-1].filters == full[-1].filters == last


def test_filters_are_rounded_down() -> None:
    filters = [layer.filters for layer in of_type(models.small(alpha=0.3), keras.layers.Conv2D)]
    assert filters == [int(0.3 * 32)] * 11 + [3] == [9] * 11 + [3]


@STYLE
def test_blocks_can_be_chosen(build: Callable[..., Any]) -> None:
    for blocks in (0, 2):
        added = of_type(build(alpha=NARROW, blocks=blocks), keras.layers.Add)
        assert len([layer for layer in added if layer.name.startswith("block")]) == blocks


@ALL
@pytest.mark.parametrize("norm", models.NORMS)
def test_one_norm_after_each_convolution_without_bias(build: Callable[..., Any], norm: str) -> None:
    model = build(alpha=NARROW, norm=norm)
    kinds = {"instance": InstanceNormalization, "batch": keras.layers.BatchNormalization}
    # What subpixel makes of means over the whole image has a bias, and no norm: there is one value of a channel.
    *inner, last = [layer for layer in of_type(model, CONVOLUTIONS) if layer.name != "context_conv"]
    assert not any(layer.use_bias for layer in inner)
    convolutions = inner if last.use_bias else [*inner, last]
    for name, kind in kinds.items():
        assert len(of_type(model, kind)) == (len(convolutions) if name == norm else 0)


@STYLE
def test_rho_computes_on_a_smaller_image(build: Callable[..., Any]) -> None:
    model = build(alpha=NARROW, rho=0.5, height=64, width=96)
    assert model.get_layer("entry").output_shape == (None, 32, 48, 3)
    assert model.output_shape == (None, 64, 96, 3)
    assert model.count_params() == narrow(build).count_params()


@STYLE
@pytest.mark.parametrize("rho", [1, 0.5])
def test_a_margin_is_mirrored_computed_on_and_cut_off(build: Callable[..., Any], rho: float) -> None:
    plain, image = narrow_scrambled(build), photo(24, 32)
    model = build(alpha=NARROW, margin=8, rho=rho)
    model.set_weights(plain.get_weights())
    if rho == 1 and plain.name != "subpixel":
        mirrored = np.pad(image, ((0, 0), (8, 8), (8, 8), (0, 0)), mode="reflect")
        np.testing.assert_allclose(model(image), plain(mirrored)[:, 8:-8, 8:-8], atol=1e-3)
    assert model(image).shape == image.shape


@ALL
@pytest.mark.parametrize("norm", models.NORMS)
def test_a_saved_network_comes_back_the_same(build: Callable[..., Any], norm: str, tmp_path: Path) -> None:
    check_saved(scrambled(build(alpha=NARROW, norm=norm)), tmp_path)


@STYLE
def test_so_does_one_of_a_lower_resolution(build: Callable[..., Any], tmp_path: Path) -> None:
    check_saved(scrambled(build(alpha=NARROW, rho=0.5, blocks=1)), tmp_path)


def check_saved(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.to_json() == model.to_json()
    np.testing.assert_array_equal(loaded(photo(21, 33)), model(photo(21, 33)))


@ALL
@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 0},
        {"alpha": 0.03},
        {"alpha": -1.0},
        {"alpha": float("nan")},
        {"alpha": float("inf")},
        {"norm": "layer"},
        {"norm": ""},
        {"blocks_kind": "dense"},
    ],
    ids=repr,
)
def test_bad_arguments_are_value_errors_that_name_them(build: Callable[..., Any], arguments: dict[str, Any]) -> None:
    check_refused(build, arguments)


@STYLE
@pytest.mark.parametrize(
    "arguments",
    [
        {"rho": 0},
        {"rho": 1.01},
        {"rho": -0.5},
        {"rho": float("nan")},
        {"blocks": -1},
    ],
    ids=repr,
)
def test_so_are_those_of_style_networks(build: Callable[..., Any], arguments: dict[str, Any]) -> None:
    check_refused(build, arguments)


def check_refused(build: Callable[..., Any], arguments: dict[str, Any]) -> None:
    (name, value), *_ = arguments.items()
    with pytest.raises(ValueError, match=rf"{name} is {value!r}"):
        build(**{"alpha": NARROW, **arguments})


@STYLE
def test_single_convolutions_have_the_filters_of_widths(build: Callable[..., Any]) -> None:
    plain = {layer.name: layer.filters for layer in of_type(build(alpha=0.25, blocks=2), keras.layers.Conv2D)}
    names = [JOINED[narrow(build).name], "block0_b_conv", "block1_b_conv", "block0_a_conv", "block1_a_conv"]
    widths = dict(zip(names, (7, 7, 7, 2, 1), strict=True))
    widths |= {name: 5 for name in ("down0_conv", "up1_conv") if name in plain}
    model = build(alpha=0.25, blocks=2, widths=widths)
    widths |= {"context_conv": 7} if "context_conv" in plain else {}  # follows what it is added to
    assert {layer.name: layer.filters for layer in of_type(model, keras.layers.Conv2D)} == {**plain, **widths}
    assert model(photo(18, 21)).shape == (1, 18, 21, 3)


@ALL
def test_the_widths_of_alpha_change_nothing(build: Callable[..., Any]) -> None:
    model = narrow(build)
    widths = {layer.name: layer.filters for layer in of_type(model, keras.layers.Conv2D)[:-1]}
    assert build(alpha=NARROW, widths=widths).to_json() == build(alpha=NARROW, widths={}).to_json() == model.to_json()


@STYLE
@pytest.mark.parametrize(
    ("widths", "told"),
    [
        ({"out_conv": 3}, r"widths names 'out_conv'; allowed: down.*_conv, .*block1_b_conv"),
        ({"block2_a_conv": 3}, "widths names 'block2_a_conv'"),
        ({"block0_a_norm": 3}, "widths names 'block0_a_norm'"),
        ({"block0_a_conv": 0}, "widths gives block0_a_conv 0 filters; it must be a whole number, 1 or more"),
        ({"block0_a_conv": 2.5}, "widths gives block0_a_conv 2.5 filters"),
        (
            {"block0_b_conv": 1, "block1_b_conv": 1},
            r"widths gives down\d?_conv \d+, block0_b_conv 1, block1_b_conv 1 filters, but their outputs are added",
        ),
    ],
    ids=str,
)
def test_bad_widths_are_value_errors(build: Callable[..., Any], widths: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        build(alpha=NARROW, blocks=2, widths=widths)


@ALL
def test_positional_and_unknown_arguments_are_refused(build: Callable[..., Any]) -> None:
    with pytest.raises(TypeError):
        build(0.5)
    with pytest.raises(TypeError):
        build(aplha=0.5)
