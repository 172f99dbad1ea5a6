"""Checkpoints: what they hold, and files that are none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from export_pipeline.base.images import pixels_sha256
from export_pipeline.compress import BitPlan, Compressed
from export_pipeline.compress.cluster import clustered
from export_pipeline.errors import CheckpointError, RecipeError
from export_pipeline.recipe import ExportTable, Recipe
from export_pipeline.train import Checkpoint, CheckpointInfo, FineTuning, Trained, export_checkpoint, network, restored
from export_pipeline.train.checkpoint import CheckpointFolder, require_same_run, save
from tests.compress import material as compressing
from tests.small_training import fine_tuned

Make = Callable[..., Recipe]


def info(recipe: Recipe, **other: Any) -> CheckpointInfo:
    return CheckpointInfo(**{"stage": "train", "step": 3, "recipe": recipe, "style_sha256": "ab", **other})


@pytest.fixture
def model(recipe: Recipe) -> Any:
    model = network(recipe)
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    return model


@pytest.fixture
def saved(recipe: Recipe, model: Any, tmp_path: Path) -> Checkpoint:
    import tensorflow as tf

    optimizer = [tf.Variable(7, dtype=tf.int64), tf.Variable([1.5, 2.5])]
    return save(tmp_path / "c.safetensors", info(recipe, losses={"total": 1.25}), model.weights, optimizer)


def test_it_says_what_it_is_and_gives_back_every_tensor(saved: Checkpoint, recipe: Recipe, model: Any) -> None:
    import tensorflow as tf

    found = Checkpoint.open(str(saved.path))
    assert found == saved
    assert found.info.recipe == recipe
    assert found.info.losses == {"total": 1.25}
    other, optimizer = network(recipe), [tf.Variable(0, dtype=tf.int64), tf.Variable([0.0, 0.0])]
    found.restore(other.weights, optimizer)
    for one, two in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert optimizer[0].numpy() == 7
    np.testing.assert_array_equal(optimizer[1], [1.5, 2.5])


def test_the_network_is_rebuilt_from_the_checkpoint_alone(saved: Checkpoint, model: Any) -> None:
    photo = np.full((1, 20, 24, 3), 99, np.float32)
    np.testing.assert_array_equal(restored(Checkpoint.open(saved.path))(photo), model(photo))


def test_single_widths_are_rebuilt_too_and_wrong_ones_are_the_recipes_fault(make_recipe: Make, tmp_path: Path) -> None:
    narrow = make_recipe(model={"widths": {"down0_conv": 4, "block0_a_conv": 2}})
    model = network(narrow)
    found = save(tmp_path / "c.safetensors", info(narrow), model.weights)
    photo = np.full((1, 20, 24, 3), 99, np.float32)
    np.testing.assert_array_equal(restored(Checkpoint.open(found.path))(photo), model(photo))
    with pytest.raises(RecipeError, match="model: widths names 'down9_conv'; allowed: down0_conv, "):
        network(make_recipe(model={"widths": {"down9_conv": 4}}))


def test_equal_contents_give_equal_bytes(saved: Checkpoint, recipe: Recipe, model: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    optimizer = [tf.Variable(7, dtype=tf.int64), tf.Variable([1.5, 2.5])]
    again = save(tmp_path / "again", info(recipe, losses={"total": 1.25}), model.weights, optimizer)
    assert again.path.read_bytes() == saved.path.read_bytes()
    assert again.sha256 == saved.sha256


def test_a_released_checkpoint_has_no_optimizer_and_knows_its_parent(
    saved: Checkpoint, make_recipe: Make, model: Any, tmp_path: Path
) -> None:
    pruned = make_recipe(compress={"schedule": "constant", "end_step": 1, "steps": 5})
    trained = save(tmp_path / "t", info(pruned), model.weights)
    made = export_checkpoint(tmp_path / "r", model, Trained(model, trained), pruned, steps=5)
    assert made == Checkpoint.open(tmp_path / "r")
    assert (made.info.stage, made.info.step, made.info.parent_sha256) == ("compress", 8, trained.sha256)
    assert made.path.stat().st_size < saved.path.stat().st_size
    assert all(np.array_equal(a, b) for a, b in zip(restored(made).get_weights(), model.get_weights(), strict=True))
    assert made.info.recipe == pruned.model_copy(update={"export": ExportTable()})
    for before in (0, 7):
        found = Trained(model, saved, steps_before=before)
        assert export_checkpoint(tmp_path / "r2", model, found, saved.info.recipe, steps=0).info.step == before + 3


def test_weights_of_another_network_are_refused_and_nothing_is_assigned(saved: Checkpoint, make_recipe: Make) -> None:
    other = network(make_recipe(model={"alpha": 0.1}))
    before = other.get_weights()
    with pytest.raises(CheckpointError, match="its model tensors do not fit"):
        saved.restore(other.weights)
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True))


def test_another_optimizer_is_refused(saved: Checkpoint, model: Any) -> None:
    with pytest.raises(CheckpointError, match="its optimizer tensors do not fit"):
        saved.restore(model.weights, [])


# Files that are no checkpoints


def test_other_files_are_refused_by_name(saved: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a text file")
    (tmp_path / "empty").touch()
    save_file({"w": np.zeros(3)}, tmp_path / "foreign")
    save_file({"w": np.zeros(3)}, tmp_path / "other_info", metadata={"checkpoint": '{"format": 1}'})
    (tmp_path / "folder").mkdir()
    for name in ("text", "empty", "foreign", "other_info", "folder", "missing"):
        with pytest.raises(CheckpointError) as caught:
            Checkpoint.open(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert caught.value.exit_code == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_a_checkpoint_error(saved: Checkpoint, share: float) -> None:
    whole = saved.path.read_bytes()
    saved.path.write_bytes(whole[: int(len(whole) * share)])
    try:
        with pytest.raises(CheckpointError, match="Name a whole checkpoint file"):
            Checkpoint.open(saved.path)
    finally:
        saved.path.write_bytes(whole)


# Folders of a run


def test_the_newest_two_of_a_folder_are_kept(recipe: Recipe, model: Any, tmp_path: Path) -> None:
    store = CheckpointFolder(tmp_path / "run")
    assert store.latest() is None
    for step in (0, 9, 10, 100_000_000):
        made = store.save(info(recipe, step=step), model.weights[:1], [])
        assert store.latest() == made
        (tmp_path / "run/notes.txt").touch()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "notes.txt",
        "step-00000010.safetensors",
        "step-100000000.safetensors",
    ]


def test_a_run_is_the_same_whatever_does_not_change_its_result(saved: Checkpoint, make_recipe: Make) -> None:
    same = make_recipe(
        name="other",
        train={"checkpoint_every": 1, "steps": 77},
        compress={"schedule": "constant", "steps": 100},
        export={"height": 64},
    )
    require_same_run(saved, info(same, step=0, losses={}))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"stage": "prune"}, "its stage is train, not prune"),
        ({"style_sha256": "cd"}, "the hash of its style is another one"),
        ({"parent_sha256": "ef"}, "it started from another checkpoint"),
    ],
)
def test_each_difference_is_named(saved: Checkpoint, recipe: Recipe, other: dict[str, str], said: str) -> None:
    with pytest.raises(CheckpointError, match=said) as caught:
        require_same_run(saved, info(recipe, **other))
    assert "--fresh" in str(caught.value)


def test_what_a_checkpoint_knows_nothing_of_is_no_difference(saved: Checkpoint, recipe: Recipe) -> None:
    require_same_run(saved, info(recipe, photographs_sha256="cd"))
    assert Checkpoint.open(saved.path).info.fingerprint == {"style_sha256": "ab"}
    with pytest.raises(ValueError, match="unknown key 'losss'"):
        info(recipe, losss="ab")


@pytest.mark.parametrize(
    ("part", "key", "minded"),
    [
        ("structured-0", "structured", True),
        ("structured-0", "final_sparsity", False),
        ("prune", "structured", True),
        ("prune", "final_sparsity", True),
        ("prune", "bits", False),
        ("cluster", "final_sparsity", True),
        ("cluster", "bits", True),
        ("train", "final_sparsity", False),
        ("second", "final_sparsity", False),
    ],
)
def test_a_part_of_compression_minds_what_decides_it(
    make_recipe: Make, model: Any, tmp_path: Path, part: str, key: str, minded: bool
) -> None:
    table = {"schedule": "constant", "end_step": 1, "steps": 5, "final_sparsity": 0.5, "bits": 3}
    found = save(tmp_path / "c", info(make_recipe(compress=table), stage=part), model.weights)
    changed = {"structured": {"blocks": 1}, "final_sparsity": 0.7, "bits": 4}[key]
    other = info(make_recipe(compress={**table, key: changed}, train={"steps": 12}), stage=part)
    if not minded:
        require_same_run(found, other)
        return
    with pytest.raises(CheckpointError, match=rf"compress\.{key} is .* there and .* here"):
        require_same_run(found, other)


def test_tables_of_another_plan_are_not_gone_on_with(saved: Checkpoint, make_recipe: Make, tmp_path: Path) -> None:
    """The plan was edited after an interrupted training of its tables, which the recipe does not show."""
    table = {"plan": "bits.toml", "skip": ["block*", "up*", "down*"], "cluster": {"steps": 5}}
    recipe = make_recipe(compress=table)

    def begin(model: Any, recipe: Recipe, part: str, steps: int, rate: float, bits: Mapping[str, int]) -> None:
        fine_tuned(model, recipe, tmp_path / part, saved, FineTuning(part, 0, rate, bits=bits))

    def cluster_to(bits: int) -> None:
        tools = dataclasses.replace(compressing.tools(), fine_tune=begin)  # type: ignore[arg-type]
        clustered(Compressed(restored(saved), recipe), BitPlan({"out_conv": bits}), {}, tools)

    cluster_to(3)
    cluster_to(3)
    with pytest.raises(CheckpointError) as caught:
        cluster_to(2)
    said = str(caught.value)
    assert "before compress.plan (bits.toml) was edited: bits of out_conv 3 there and 2 here" in said
    assert f"delete {tmp_path / 'cluster'} to train the tables anew" in said
    assert "--fresh" in said


def test_pixels_are_hashed_with_their_shape() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert pixels_sha256(image) == pixels_sha256(np.asfortranarray(image))
    assert pixels_sha256(image) != pixels_sha256(image.reshape(4, 2, 3))
    assert pixels_sha256(image) != pixels_sha256(image + 1)
