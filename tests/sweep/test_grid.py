"""The grid of a sweep: every way to write values, and every way to get it wrong."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.errors import RecipeError, UsageError
from export_pipeline.sweep.grid import MOST_POINTS, Setting, parse_setting, points, shown

WORDS = st.text("abcdefghijklmnopqrstuvwxyz_/", min_size=1).filter(lambda word: word not in ("none", "inf", "nan"))
VALUES = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS)
# Of another table each, so that no combination is refused for what it means.
FITTING = {
    "seed": st.integers(0, 1000),
    "model.alpha": st.floats(0.05, 4),
    "train.steps": st.integers(1, 1000),
    "compress.bits": st.one_of(st.none(), st.integers(1, 8)),
    "export.height": st.integers(4, 100).map(lambda side: 4 * side),
    "report.runs": st.integers(30, 100),
}


@given(st.lists(VALUES, min_size=1, max_size=8, unique_by=lambda value: value))
def test_what_is_written_is_what_is_read(values: list[int | float | str]) -> None:
    read = parse_setting(f"train.style={','.join(map(str, values))}").values
    assert read == tuple(values)
    assert [type(value) for value in read] == [type(value) for value in values]


@given(st.integers(-500, 500), st.integers(-500, 500), st.integers(1, 50))
def test_a_range_runs_from_its_first_value_towards_its_last(first: int, last: int, step: int) -> None:
    values = parse_setting(f"seed={first}..{last}..{step}").values
    assert values[0] == first
    assert len(values) == abs(last - first) // step + 1
    assert all(abs(b - a) == step for a, b in itertools.pairwise(values))  # type: ignore[operator]
    assert all(min(first, last) <= value <= max(first, last) for value in values)  # type: ignore[operator]
    if step == 1:
        assert parse_setting(f"seed={first}..{last}").values == values


def test_none_is_no_value_where_a_key_may_have_none_and_a_word_elsewhere() -> None:
    assert parse_setting("compress.bits=none,1..3").values == (None, 1, 2, 3)
    assert parse_setting("compress.schedule=none,constant").values == ("none", "constant")


@given(st.data(), st.sets(st.sampled_from(sorted(FITTING)), min_size=1, max_size=3))
def test_the_grid_is_the_product_and_each_point_is_what_it_says(data: st.DataObject, paths: set[str]) -> None:
    settings = [
        Setting(path, tuple(data.draw(st.lists(FITTING[path], min_size=1, max_size=3, unique=True))))
        for path in sorted(paths)
    ]
    base = {"name": "grid", "model": {"network": "johnson"}}
    grid = points(base, settings)
    assert len(grid) == math.prod(len(setting.values) for setting in settings)
    assert len({point.json for point in grid}) == len(grid)
    for point in grid:
        for path, value in point.overrides.items():
            found = point.recipe
            for name in path.split("."):
                found = getattr(found, name)
            assert found == value
        assert point.recipe.model.network == "johnson"
        assert point.label == ", ".join(f"{path}={shown(value)}" for path, value in point.overrides.items())
    assert base == {"name": "grid", "model": {"network": "johnson"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("compress.bits", "names no key"),
        ("=1", "names no key"),
        ("compress..bits=1", "names no key"),
        ("compress.bits=", "empty value"),
        ("compress.bits=1,,2", "empty value"),
        ("compress.bits=1,2,1", "1 twice"),
        ("compress.bits=1..3,2", "2 twice"),
        ("seed=1..9..0", "step 0"),
        ("seed=1..1000000000", "1,000,000,000 values"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_setting(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("compress.bit=1", "compress.bit=1: unknown key 'compress.bit'; did you mean 'bits'"),
        ("compres.bits=1", "unknown key 'compres'; did you mean 'compress'"),
        ("compress.bits=4,9", "compress.bits=9: compress.bits is 9"),
        ("compress.bits=1.5", "compress.bits is 1.5"),
        ("model.network=smal", "did you mean 'small'"),
        ("name.first=x", "name is 'grid' in the recipe, not a table"),
    ],
)
def test_a_point_that_is_no_recipe_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message.replace(".", r"\.")):
        points({"name": "grid"}, [parse_setting(text)])


def test_a_grid_too_large_or_without_keys_is_refused() -> None:
    wide = Setting("seed", tuple(range(MOST_POINTS)))
    with pytest.raises(UsageError, match=r"2,000 points"):
        points({}, [wide, Setting("compress.bits", (1, 2))])
    with pytest.raises(UsageError, match="needs keys"):
        points({}, [])
    with pytest.raises(UsageError, match="each named once"):
        points({}, [Setting("seed", (1,)), Setting("seed", (2,))])


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("name=a,b", "it only names the files"),
        ("task=style_transfer,segmentation", "different metrics"),
        ("train.checkpoint_every=10,20", "how often a training is saved"),
    ],
)
def test_a_key_that_compares_nothing_is_refused(setting: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"--set {setting.partition('=')[0]} compares nothing: .*{why}"):
        points({}, [parse_setting(setting)])
