"""Plans: bits by layer that fit into a number of bytes, in a file that can be edited."""

from __future__ import annotations

import itertools
import re
from fnmatch import filter as matching
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline.compress import Compressed, check, compress
from export_pipeline.compress.bit_plan import packed_bytes, read_plan
from export_pipeline.compress.cluster import clustered
from export_pipeline.compress.output_error import OutputError
from export_pipeline.compress.plan import cheapest, make_plan, plan_bits
from export_pipeline.errors import RecipeError
from export_pipeline.recipe import Recipe
from tests.compress.material import NETWORKS, PHOTOS, kernels, network, recipe, tools

SKIPPED = ("block*", "up*", "down2_conv")  # what is not planned takes no time


def few(**compress: Any) -> Recipe:
    return recipe(skip=SKIPPED, **(compress or {"bits": 8}))


def least(model: Any, bits: int) -> int:
    return sum(packed_bytes(kernels(model)[name].size, bits) for name in planned(model))


def planned(model: Any) -> tuple[str, ...]:
    return tuple(name for name in kernels(model) if not any(fnmatch(name, pattern) for pattern in SKIPPED))


ROWS = st.integers(1, 4).flatmap(
    lambda options: st.lists(
        st.tuples(
            st.lists(st.integers(1, 40), min_size=options, max_size=options),
            st.lists(st.integers(0, 30).map(float), min_size=options, max_size=options),
        ),
        min_size=1,
        max_size=5,
    )
)


@settings(max_examples=300)
@given(ROWS, st.integers(0, 120))
def test_the_choice_is_the_best_of_all(rows: list[tuple[list[int], list[float]]], spare: int) -> None:
    costs, errors = [cost for cost, _ in rows], [error for _, error in rows]
    budget = sum(map(min, costs)) + spare
    chosen = cheapest(costs, errors, budget)
    assert sum(cost[index] for cost, index in zip(costs, chosen, strict=True)) <= budget
    every = itertools.product(*(range(len(cost)) for cost in costs))
    best = min(
        sum(error[i] for error, i in zip(errors, option, strict=True))
        for option in every
        if sum(cost[i] for cost, i in zip(costs, option, strict=True)) <= budget
    )
    assert sum(error[index] for error, index in zip(errors, chosen, strict=True)) == best


@pytest.mark.parametrize(("name", "norm"), NETWORKS)
def test_a_plan_fits_and_errs_no_more_than_equal_bits_of_its_size(name: str, norm: str) -> None:
    model = network(name, norm)
    before, budget = kernels(model), least(model, 3)
    skipped = [pattern for pattern in SKIPPED if matching(before, pattern)]
    plan = make_plan(model, recipe(bits=8, skip=skipped), budget, {}, tools())
    assert all(np.array_equal(kernel, before[layer]) for layer, kernel in kernels(model).items())
    assert sum(choice.bytes for choice in plan.choices) <= budget
    assert sum(choice.error for choice in plan.choices) <= sum(choice.errors[2] for choice in plan.choices)
    assert plan.bits == {choice.name: choice.bits for choice in plan.choices}
    assert tuple(plan.bits) == planned(model)
    for choice in plan.choices:
        assert choice.bytes == packed_bytes(before[choice.name].size, choice.bits)
        assert choice.error == choice.errors[choice.bits - 1]
        assert choice.errors[7] < choice.errors[0] or not before[choice.name].any()  # untrained, the context is zero


def test_a_plan_is_the_same_each_time_and_its_errors_are_those_of_the_clustered_network() -> None:
    model = network()
    plan = make_plan(model, few(), least(model, 4), {}, tools())
    assert make_plan(model, few(), least(model, 4), {}, tools()) == plan
    output_error = OutputError(model, [PHOTOS])
    assert output_error.of({}) == 0
    found = clustered(Compressed(model, few(bits=4)), plan, {}, tools()).model
    assert plan.error_together == pytest.approx(output_error.of(kernels(found)), rel=1e-5)
    assert plan.record()["error_together"] == plan.error_together


def test_the_file_says_the_same_and_can_be_edited(tmp_path: Path) -> None:
    model = network()
    plan = plan_bits(model, few(weight_bytes=least(model, 4)), {}, tools())
    path = tmp_path / "plan.toml"
    path.write_text(plan.text)
    assert read_plan(path, kernels(model)).bits == plan.bits
    path.write_text(re.sub("down1_conv *=", "down1_conv = 1 #", plan.text))
    wanted = few(plan=str(path))
    edited = plan_bits(model, wanted, {}, tools())
    assert edited.bits == {**plan.bits, "down1_conv": 1}
    assert edited.text == path.read_text()
    found = compress(model, wanted, tools())
    assert found.plan == edited
    assert len(np.unique(kernels(found.model)["down1_conv"])) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[bits]\ndown_conv = 3", r"no convolution 'down_conv' to cluster; did you mean 'down\d_conv'"),
        ("[bits]\nout_conv = 9", "out_conv is 9; allowed: 1 to 8 bits"),
        ("[bits]\nout_conv = 0", "out_conv is 0"),
        ("[bits]\nout_conv = true", "out_conv is True"),
        ("[bits]\nout_conv = 2.5", "out_conv is 2.5"),
        ("[bit]\nout_conv = 3", r"unknown key 'bit'; did you mean 'bits'"),
        ("bits = 4", r"has no table \[bits\]"),
        ("", r"has no table \[bits\]"),
        ("[bits", "is not a TOML file"),
    ],
)
def test_a_plan_is_read_strictly(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=words):
        read_plan(path, kernels(network()))


def test_a_plan_that_is_not_there_or_leaves_out_a_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read plan"):
        read_plan(tmp_path / "none.toml")
    path = tmp_path / "plan.toml"
    path.write_text("[bits]\nout_conv = 3\n")
    with pytest.raises(RecipeError, match="has no bits for down0_conv, "):
        plan_bits(network(), recipe(plan=str(path)), {}, tools())


def test_too_few_bytes_are_refused_with_the_least_and_the_least_is_enough() -> None:
    model = network()
    with pytest.raises(RecipeError, match=f"at 1 bit they take {least(model, 1):,}"):
        make_plan(model, few(), least(model, 1) - 1, {}, tools())
    assert set(make_plan(model, few(), least(model, 1), {}, tools()).bits.values()) == {1}


def test_too_few_bytes_are_refused_before_training_where_no_filters_are_to_go() -> None:
    model, narrowed = network(alpha=0.25), few(structured={"rounds": 1})
    check(model, few().compress, weight_bytes=least(model, 1))
    check(model, narrowed.compress, weight_bytes=1)
    with pytest.raises(RecipeError, match=f"at 1 bit they take {least(model, 1):,}"):
        check(model, few().compress, weight_bytes=least(model, 1) - 1)


def test_equal_bits_need_no_file() -> None:
    plan = plan_bits(network(), recipe(bits=3), {}, tools())
    assert (set(plan.bits.values()), plan.text) == ({3}, "")
    assert compress(network(), recipe(), tools()).plan is None
