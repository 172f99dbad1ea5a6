"""Which layers are compressed, and how far: names, patterns and what they leave out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.compress import check, compress
from export_pipeline.compress.layers import compressible_layers, convolutions, sparsities
from export_pipeline.compress.prune import require_sparsity, sparsity
from export_pipeline.errors import CheckFailed, RecipeError
from tests.compress.material import NETWORKS, kernels, network, recipe, tools
from tests.networks import networks_of

PRUNED = {"schedule": "constant", "frequency": 1, "end_step": 1, "steps": 2, "learning_rate": 1e-4}


@pytest.mark.parametrize(("name", "norm"), NETWORKS)
def test_each_layer_is_pruned_as_far_as_the_recipe_says(name: str, norm: str) -> None:
    model = network(name, norm)
    before = kernels(model)
    layers = {"down*": 0.25, "block0_a_conv": 0.8, "block*": 0.6, **({"up1_conv": 0.0} if "up1_conv" in before else {})}
    wanted = recipe(**PRUNED, final_sparsity=0.4, layers=layers, skip=["out*"])
    pruned = compress(model, wanted, tools(), last="prune").model
    expected = {
        **dict.fromkeys(("down_conv", "down0_conv", "down1_conv", "down2_conv"), 0.25),
        **{
            "block0_a_conv": 0.8,
            "block0_b_conv": 0.6,
            "context_conv": 0.4,
            "up0_conv": 0.4,
            "up1_conv": 0.0,
            "out_conv": 0.0,
        },
    }
    for layer, share in sparsity(pruned).items():
        size = before[layer].size
        assert share == pytest.approx(1 - round(size * (1 - expected[layer])) / size), layer
    # What is not pruned is trained with the rest all the same.
    assert not np.isin(kernels(pruned)["out_conv"], before["out_conv"]).all()
    assert all(np.array_equal(kernel, before[name]) for name, kernel in kernels(model).items())


def test_a_name_goes_before_patterns_and_an_earlier_pattern_before_a_later_one() -> None:
    table = recipe(**PRUNED, layers={"b*": 0.1, "block0_*": 0.2, "block0_b_conv": 0.3}, skip=["block1_*"]).compress
    names = ["block0_a_conv", "block0_b_conv", "block1_a_conv", "out_conv"]
    assert list(sparsities(table, names).values()) == [0.1, 0.3, 0.0, 0.5]
    assert compressible_layers(table, names) == ("block0_a_conv", "block0_b_conv", "out_conv")
    assert set(sparsities(recipe().compress, names).values()) == {0.0}


def test_a_layer_may_end_below_the_initial_sparsity() -> None:
    model = network()
    table = {**PRUNED, "schedule": "polynomial_decay", "initial_sparsity": 0.5, "final_sparsity": 0.7}
    pruned = compress(model, recipe(**table, layers={"down0_conv": 0.2}), tools(), last="prune").model
    assert sparsity(pruned)["down0_conv"] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("compress", "words"),
    [
        (
            {**PRUNED, "layers": {"blok0_a_conv": 0.5}},
            "layers: 'blok0_a_conv' .* did you mean 'block0_a_conv'",
        ),
        ({**PRUNED, "layers": {"x*": 0.5}}, "compress.layers: 'x.*allowed: block0_a_conv, "),
        ({"bits": 2, "skip": ["out"]}, "compress.skip: 'out' matches no convolution; allowed: block0_a_conv, "),
        ({**PRUNED, "skip": ["*"]}, "leaves out every convolution"),
        ({"bits": 2, "skip": ["*_conv"]}, "leaves out every convolution"),
        ({**PRUNED, "skip": ["out_conv"], "layers": {"out_conv": 0.5}}, "keep one"),
    ],
)
def test_names_that_the_network_does_not_have_are_refused(compress: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        check(network(), recipe(**compress).compress)


def test_names_and_patterns_of_the_network_pass() -> None:
    for name in networks_of("style_transfer"):
        layers = {"block0_?_conv": 0.5, "out_conv": 0.1}
        check(network(name), recipe(**PRUNED, layers=layers, skip=["down*"]).compress)


def test_a_network_without_the_zeros_asked_for_is_refused() -> None:
    with pytest.raises(CheckFailed, match=r"pruning did not take effect: down0_conv 0.000 instead of 0.5"):
        require_sparsity(network(), recipe(**PRUNED).compress)


def test_convolutions_are_in_the_networks_order() -> None:
    names = tuple(convolutions(network()))
    assert (names[0], names[3], names[-1]) == ("down0_conv", "block0_a_conv", "out_conv")


def test_a_plan_is_read_at_the_door(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[bits]\nout_conv = 3\n")
    with pytest.raises(RecipeError, match="has no bits for down0_conv, "):
        check(network(), recipe(plan="plan.toml").compress, tmp_path / "plan.toml")
    check(network(), recipe(plan="plan.toml", skip=["[!o]*"]).compress, tmp_path / "plan.toml")


def test_a_plan_need_not_name_the_blocks_that_may_go(tmp_path: Path) -> None:
    wanted = recipe(plan="plan.toml", structured={"blocks": 1}).compress
    names = [name for name in convolutions(network()) if name not in ("block0_a_conv", "block0_b_conv")]
    (tmp_path / "plan.toml").write_text("[bits]\n" + "\n".join(f"{name} = 3" for name in names))
    check(network(), wanted, tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_text("[bits]\n" + "\n".join(f"{name} = 3" for name in names[1:]))
    with pytest.raises(RecipeError, match="has no bits for down0_conv; add them"):
        check(network(), wanted, tmp_path / "plan.toml")
