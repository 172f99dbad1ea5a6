"""Which stages points share, and that they begin with them."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.export import state
from export_pipeline.recipe import Recipe
from export_pipeline.sweep import stages
from export_pipeline.sweep.grid import parse_setting, points
from export_pipeline.sweep.stages import begin_with, point_key, shared, stages_of

PRUNED = {"schedule": "constant", "end_step": 2, "steps": 4}


def kept(data: dict[str, Any], *settings: str) -> list[tuple[str, ...]]:
    """Kinds of the stages that each point of the grid begins with, the distinct stages counted."""
    grid = points(data, [parse_setting(text) for text in settings])
    stages = shared({point_key(point.recipe): stages_of(point.recipe, point.data) for point in grid})
    assert len(stages) == len(grid)
    seen: dict[str, int] = {}
    return [tuple(f"{s.kind}{seen.setdefault(s.folder, len(seen))}" for s in chain) for chain in stages.values()]


def test_bits_share_one_training() -> None:
    assert kept({}, "compress.bits=none,1..3") == [("train0",)] * 4


def test_each_width_has_its_training() -> None:
    assert kept({}, "model.alpha=0.3,0.5", "compress.bits=2,4") == [("train0",)] * 2 + [("train1",)] * 2


def test_bits_share_the_pruning_which_does_its_own_training() -> None:
    assert kept({"compress": PRUNED}, "compress.bits=1..3") == [("prune0",)] * 3


def test_sparsities_share_the_training_and_bits_the_pruning() -> None:
    found = kept({"compress": PRUNED}, "compress.final_sparsity=0.2,0.4", "compress.bits=1..2")
    assert found == [("train0", "prune1")] * 2 + [("train0", "prune2")] * 2
    assert kept({"compress": PRUNED}, "compress.final_sparsity=0.2,0.4") == [("train0",)] * 2


def test_what_nobody_shares_is_no_stage_of_its_own() -> None:
    assert kept({}, "model.alpha=0.3,0.5") == [(), ()]
    assert kept({"compress": PRUNED}, "compress.bits=4") == [()]


@pytest.mark.parametrize("setting", ["export.height=64,96", "verify.images=1,2", "report.runs=30,40"])
def test_later_stages_do_not_divide_earlier_ones(setting: str) -> None:
    assert kept({}, setting) == [("train0",)] * 2
    assert kept({"compress": PRUNED}, setting) == [("prune0",)] * 2


@pytest.mark.parametrize("setting", ["seed=1,2", "train.steps=10,20", "train.style_weight=1,2"])
def test_whatever_trains_another_network_divides(setting: str) -> None:
    assert kept({}, setting) == [(), ()]


def test_rounds_of_structured_pruning_are_shared_where_their_judge_sees_the_same() -> None:
    data = {"compress": {"structured": {"rounds": 1, "style_distance": 0.3}}}
    assert kept(data, "compress.bits=2,4") == [("prune0",)] * 2
    assert kept(data, "report.runs=30,40") == [("prune0",)] * 2
    assert kept(data, "verify.images=1,2") == [("train0",)] * 2
    assert kept(data, "export.height=64,96") == [("train0",)] * 2


def test_a_point_is_another_when_its_plan_is_rewritten(tmp_path: Path) -> None:
    data = {"compress": {"plan": "plan.toml"}}
    recipe = Recipe.parse(data, folder=tmp_path)
    keys = set()
    for text in ("one", "two"):
        (tmp_path / "plan.toml").write_text(text)
        keys.add((point_key(recipe), stages_of(recipe, data)[0].key))
    assert len({point for point, _ in keys}) == 2
    assert len({stage for _, stage in keys}) == 1


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of code that decides what all stages come to, read anew for each key."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "writer.py").write_text("old")
    for name in ("TRAINED_BY", "PRUNED_BY", "MADE_BY"):
        monkeypatch.setattr(stages, name, (*getattr(stages, name), folder))
    monkeypatch.setattr(stages, "_code", stages._code.__wrapped__)
    return folder


@pytest.mark.parametrize("upgrade", ["version", "library", "source", "weights"])
def test_a_point_and_its_stages_are_others_when_what_makes_them_is(
    upgrade: str, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"compress": PRUNED}

    def keys() -> list[str]:
        recipe = Recipe.parse(data)
        return [point_key(recipe), *(stage.key for stage in stages_of(recipe, data))]

    before = keys()
    assert keys() == before
    assert len(before) == 3
    if upgrade == "version":
        monkeypatch.setattr(state, "__version__", "99.0")
    elif upgrade == "library":
        installed = importlib.metadata.version
        monkeypatch.setattr(importlib.metadata, "version", lambda name: installed(name) + "1" * (name == "onnxruntime"))
    else:
        (code / f"writer.{'py' if upgrade == 'source' else 'weights'}").write_text("new")
    assert not set(keys()) & set(before)


def test_the_code_that_is_looked_at_is_there() -> None:
    assert all(path.exists() for path in stages.MADE_BY)
    assert set(stages.TRAINED_BY) < set(stages.PRUNED_BY) < set(stages.MADE_BY)
    assert {"train/fit.py", "emulator/ops/conv.py", "point.py", "contents/onnx.py"} < set(state.code(*stages.MADE_BY))


def test_stages_hold_recipes_of_their_own() -> None:
    data = {"name": "a", "compress": {**PRUNED, "bits": 4}, "export": {"targets": ["mlmodel-palettized"]}}
    for stage in stages_of(Recipe.parse(data), data):
        recipe = Recipe.parse(dict(stage.data))
        assert not recipe.compress.clusters
        assert recipe.compress.prunes == (stage.kind == "prune")


def test_a_build_begins_with_links_and_keeps_what_it_has(tmp_path: Path) -> None:
    shared_work, work = tmp_path / "shared", tmp_path / "work"
    for folder in ("train", "compress", "export"):
        (shared_work / folder).mkdir(parents=True)
        (shared_work / folder / "file").write_text(folder)
    (work / "compress").mkdir(parents=True)
    begin_with(work, shared_work)
    assert (work / "train" / "file").samefile(shared_work / "train" / "file")
    assert not list((work / "compress").iterdir())
    assert not (work / "export").exists()
