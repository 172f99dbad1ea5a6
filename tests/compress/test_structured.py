"""Rounds of structured pruning: what goes first, where it ends, and what is said about it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.compress.channels import channel_groups
from export_pipeline.compress.narrow import narrowed
from export_pipeline.compress.structured import LEAST_CHANNELS, least, narrow, scores
from export_pipeline.errors import CheckFailed, RecipeError
from export_pipeline.recipe import Recipe, StyleModelTable
from export_pipeline.records.compression import Round
from export_pipeline.records.metric import Values
from tests.export import material
from tests.networks import networks_of

PHOTO = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
SMALL = {"network": "small", "alpha": 0.25, "blocks": 1}  # 8 filters in each of 6 groups
ALL = pytest.mark.parametrize("network", networks_of("style_transfer"))


def recipe(model: dict[str, Any] | None = None, **structured: Any) -> Recipe:
    table = {"steps": 0, **structured} if structured else {}
    return Recipe.parse({"model": model or SMALL, "compress": {"structured": table}})


def filled(table: StyleModelTable) -> Any:
    return material.filled(**table.model_dump())


def quality(style: float, content: float) -> Values:
    return {"content_distance": content, "covariance_distance": style}


def fine(model: Any) -> Values:
    return quality(0.3, 0.5)


def scripted(*values: Values) -> Callable[[Any], Values]:
    """A judge that says *values*, one after the other."""
    given: Iterator[Values] = iter(values)
    return lambda model: next(given)


def no_training(*_: Any) -> None:
    pytest.fail("nothing to train")


def run(made: Recipe, judge: Any = fine, train: Any = no_training) -> tuple[Any, StyleModelTable, tuple[Round, ...]]:
    return narrow(filled(made.model), made, train, judge)


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


# What counts least


def test_l1_compares_a_filter_with_its_layer() -> None:
    model = filled(StyleModelTable(**SMALL))
    group = next(group for group in channel_groups(model) if len(group.makers) == 2)
    before = scores(model, group, "l1")
    assert before.shape == (8,)
    assert before.mean() == pytest.approx(1, rel=1e-5)
    kernel = model.get_layer("block0_b_conv").kernel
    kernel.assign(kernel * 100)
    np.testing.assert_allclose(scores(model, group, "l1"), before, rtol=1e-5)
    kernel.assign(kernel * (np.arange(8) != 3))
    after = scores(model, group, "l1")
    assert after.argmin() == 3 or after[3] < before[3]
    parts = [np.abs(model.get_layer(name).kernel.numpy()).sum((0, 1, 2)) for name in group.makers]
    np.testing.assert_allclose(after, sum(part / part.mean() for part in parts) / 2, rtol=1e-5)


def test_norm_scale_is_the_size_of_gamma() -> None:
    model = filled(StyleModelTable(**SMALL))
    group = next(group for group in channel_groups(model) if len(group.makers) == 2)
    for name in group.norms:
        model.get_layer(name).gamma.assign(np.linspace(-1, 1, 8))
    np.testing.assert_allclose(scores(model, group, "norm_scale"), np.abs(np.linspace(-1, 1, 8)), rtol=1e-6)


@ALL
@pytest.mark.parametrize("norm", models.NORMS)
@pytest.mark.parametrize("criterion", ["l1", "norm_scale"])
def test_what_counts_least_goes_first(network: str, norm: str, criterion: str) -> None:
    model = filled(StyleModelTable(network=network, alpha=0.2, blocks=1, norm=norm))
    groups = channel_groups(model)
    found = {group.name: scores(model, group, criterion) for group in groups}
    keep = least(model, groups, 0.2, criterion)
    gone = {name: np.setdiff1d(np.arange(len(values)), keep[name]) for name, values in found.items()}
    assert sum(map(len, gone.values())) == round(0.2 * sum(map(len, found.values())))
    open_to = [name for name in found if len(keep[name]) > LEAST_CHANNELS]
    highest = max(found[name][gone[name]].max() for name in found if len(gone[name]))
    assert open_to
    assert highest <= min(found[name][keep[name]].min() for name in open_to)
    for name, kept in keep.items():
        assert len(kept) >= LEAST_CHANNELS
        if len(gone[name]):
            assert found[name][gone[name]].max() <= found[name][kept].min()


def test_at_least_one_filter_goes_and_four_stay() -> None:
    model = filled(StyleModelTable(**SMALL))
    groups = channel_groups(model)
    assert sum(len(kept) for kept in least(model, groups, 0.001, "l1").values()) == 8 * 6 - 1
    assert {len(kept) for kept in least(model, groups, 0.99, "l1").values()} == {4}


# Rounds


@ALL
@pytest.mark.parametrize("norm", models.NORMS)
def test_blocks_go_first_then_filters_and_the_table_rebuilds_the_network(network: str, norm: str) -> None:
    made = recipe({"network": network, "alpha": 0.2, "blocks": 2, "norm": norm}, blocks=1, rounds=2, filters=0.1)
    model, table, rounds = run(made)
    assert [done.status for done in rounds] == ["start", "kept", "kept", "kept"]
    assert [done.part for done in rounds] == ["start", "structured-0", "structured-1", "structured-2"]
    assert rounds[1].block in (0, 1)
    assert set(rounds[1].taken) == {f"block{rounds[1].block}_{half}_conv" for half in "ab"}
    assert [done.block for done in rounds[2:]] == [None, None]
    assert rounds[-1].parameters == model.count_params() < rounds[2].parameters < rounds[0].parameters
    for before, after in itertools.pairwise(rounds):
        assert before.filters - after.filters == sum(after.taken.values())
    assert table.blocks == 1
    rebuilt = models.NETWORKS[network](**table.model_dump(exclude={"network"}))
    rebuilt.set_weights(model.get_weights())
    np.testing.assert_array_equal(rebuilt(PHOTO), model(PHOTO))


def test_the_network_itself_is_left_as_it_was() -> None:
    made = recipe(blocks=1, rounds=1)
    model = filled(made.model)
    smaller, _, _ = narrow(model, made, no_training, fine)
    assert same(model, filled(made.model))
    assert smaller.count_params() < model.count_params()


def test_no_rounds_change_nothing_and_measure_nothing() -> None:
    made = recipe()
    model = filled(made.model)
    assert narrow(model, made, no_training, scripted()) == (model, made.model, ())


@pytest.mark.parametrize(
    ("limit", "bad"), [("covariance_distance", quality(0.41, 0.1)), ("content_distance", quality(0.1, 0.41))]
)
def test_a_round_above_a_limit_is_undone_and_is_the_last(limit: str, bad: Values) -> None:
    made = recipe(rounds=5, filters=0.1, **{limit: 0.4})
    model, table, rounds = run(made, scripted(quality(0.1, 0.1), quality(0.4, 0.4), bad))
    assert [done.status for done in rounds] == ["start", "kept", "undone"]
    assert rounds[-1].reason == f"{limit.replace('_', ' ')} 0.4100 is above 0.4"
    once, its_table, _ = run(recipe(rounds=1, filters=0.1))
    assert table == its_table
    assert same(model, once)
    assert model.count_params() == rounds[1].parameters > rounds[2].parameters


def test_when_the_first_round_is_undone_the_network_is_the_one_that_came() -> None:
    made = recipe(blocks=1, rounds=1, covariance_distance=0.4)
    model = filled(made.model)
    same_model, table, rounds = narrow(
        model, made, no_training, lambda judged: quality(0.3 if judged is model else 0.5, 0)
    )
    assert same_model is model
    assert table == made.model
    assert [done.status for done in rounds] == ["start", "undone"]


def test_rounds_end_when_every_layer_is_down_to_four() -> None:
    _, table, rounds = run(recipe(rounds=9, filters=0.6))
    assert set(table.widths.values()) == {4}
    assert [done.status for done in rounds] == ["start", "kept"]
    assert rounds[-1].reason == "no layer has more than 4 filters left to take from"


def test_the_block_that_goes_is_the_one_least_missed() -> None:
    made = recipe({**SMALL, "blocks": 3}, blocks=1)
    start = filled(made.model)

    def judge(model: Any) -> Values:
        """Misses block 0 by 0.2, block 1 by 0.1 and block 2 by 0.3."""
        has = [
            any(np.array_equal(layer.kernel, start.get_layer(f"block{block}_a_conv").kernel) for layer in first_halves)
            for first_halves in [[layer for layer in model.layers if layer.name.endswith("_a_conv")]]
            for block in range(3)
        ]
        return quality(0.2 * (not has[0]) + 0.3 * (not has[2]), 0.1 * (not has[1]))

    model, table, rounds = narrow(start, made, no_training, judge)
    assert (rounds[1].block, rounds[1].metric("covariance_distance"), rounds[1].metric("content_distance")) == (
        1,
        0,
        0.1,
    )
    np.testing.assert_array_equal(model.get_layer("block1_a_conv").kernel, start.get_layer("block2_a_conv").kernel)
    assert table.blocks == 2


def test_each_round_trains_the_network_of_the_recipe_that_it_hands_on() -> None:
    seen = []

    def train(model: Any, its_recipe: Recipe, part: str, steps: int, learning_rate: float) -> None:
        rebuilt = models.NETWORKS["small"](**its_recipe.model.model_dump(exclude={"network"}))
        assert rebuilt.to_json() == model.to_json()
        seen.append((part, steps, learning_rate))
        model.get_layer("down0_conv").kernel.assign_add(model.get_layer("down0_conv").kernel)

    made = recipe(blocks=1, rounds=1, steps=7, learning_rate=0.01)
    _, _, rounds = run(made, train=train)
    assert seen == [(f"structured-{index}", 7, 0.01) for index in range(2)]
    assert [done.steps for done in rounds] == [0, 7, 7]


def test_it_gives_the_same_each_time() -> None:
    made = recipe(blocks=1, rounds=1, criterion="norm_scale")
    (one, *rest), (other, *others) = run(made), run(made)
    assert rest == others
    assert same(one, other)


def test_rounds_come_back_from_json() -> None:
    for done in run(recipe(blocks=1))[2]:
        assert Round.model_validate_json(done.model_dump_json()) == done


def test_a_narrow_network_is_narrowed_further() -> None:
    model, table, _ = run(recipe(rounds=1, filters=0.1))
    groups = channel_groups(model)
    keep = {group.name: np.arange(group.size - 1) for group in groups}
    smaller, its_table = narrowed(model, table, keep)
    assert {name: count - 1 for name, count in table.widths.items()} == its_table.widths
    assert [group.size for group in channel_groups(smaller)] == [group.size - 1 for group in groups]


# What cannot be


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (recipe(blocks=2), "compress.structured.blocks is 2; the network has 1"),
        (recipe({"alpha": 0.125}, rounds=1), "compress.structured.rounds is 1, but no layer has more than 4 filters"),
    ],
    ids=["blocks", "filters"],
)
def test_what_the_network_does_not_have_is_the_recipes_fault(made: Recipe, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        run(made, judge=scripted())


def test_norm_scale_needs_norms() -> None:
    import tf_keras as keras

    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Conv2D(3, 3)(keras.layers.Conv2D(8, 3)(image)))
    with pytest.raises(
        RecipeError, match="criterion is norm_scale, but not every filter is followed by a norm; use l1"
    ):
        narrow(model, recipe(rounds=1, criterion="norm_scale"), no_training, scripted())


@pytest.mark.parametrize(
    ("bad", "asked"), [(quality(0.1, float("nan")), {"rounds": 1}), (quality(float("inf"), 0.1), {"blocks": 1})]
)
def test_what_is_not_finite_never_passes(bad: Values, asked: dict[str, int]) -> None:
    with pytest.raises(CheckFailed, match="not finite"):
        run(recipe(**asked), scripted(quality(0.1, 0.1), bad))
