"""Which stages points share, and that they begin with them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.base import files
from export_pipeline.base.files import files_of
from export_pipeline.base.images import save_image
from export_pipeline.errors import WeightsError
from export_pipeline.export import state
from export_pipeline.pipeline import opened
from export_pipeline.recipe import Recipe
from export_pipeline.sweep import stages
from export_pipeline.sweep.grid import parse_setting, points
from export_pipeline.sweep.jobs import Job, run_job
from export_pipeline.sweep.stages import begin_with, point_key, shared, stages_of
from export_pipeline.tasks import open_task
from export_pipeline.tasks.style_transfer import StyleTransfer
from export_pipeline.tasks.task import Phase
from tests.imports import PACKAGE, imports, modules, room

PRUNED = {"schedule": "constant", "end_step": 2, "steps": 4}


def kept(data: dict[str, Any], *settings: str) -> list[tuple[str, ...]]:
    """Kinds of the stages that each point of the grid begins with, the distinct stages counted."""
    grid = points(data, [parse_setting(text) for text in settings])
    tasks = [open_task(point.recipe) for point in grid]
    stages = shared({point_key(task): stages_of(task, point.data) for task, point in zip(tasks, grid, strict=True)})
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
    task = open_task(Recipe.parse(data, folder=tmp_path))
    keys = set()
    for text in ("one", "two"):
        (tmp_path / "plan.toml").write_text(text)
        keys.add((point_key(task), stages_of(task, data)[0].key))
    assert len({point for point, _ in keys}) == 2
    assert len({stage for _, stage in keys}) == 1


Keys = tuple[str, ...]


def keys_of(data: dict[str, Any], folder: Path) -> Keys:
    """Keys of a point and of the stages before it."""
    task = open_task(Recipe.parse(data, folder=folder))
    return point_key(task), *(stage.key for stage in stages_of(task, data))


def draw(path: Path, shade: int) -> None:
    save_image(path, np.full((40, 40, 3), shade, np.uint8))


@pytest.mark.parametrize("table", ["train", "verify"])
def test_other_pixels_under_the_same_names_are_another_point(table: str, tmp_path: Path) -> None:
    data = {table: {"content": "photos"}, "compress": PRUNED}
    for name in ("a.png", "b.png"):
        draw(tmp_path / "photos" / name, 10)
    before = keys_of(data, tmp_path)
    draw(tmp_path / "photos" / "c.txt.png", 10)
    (tmp_path / "photos" / "c.txt.png").rename(tmp_path / "photos" / "c.txt")
    assert keys_of(data, tmp_path) == before
    draw(tmp_path / "photos" / "b.png", 200)
    changed = [old != new for old, new in zip(before, keys_of(data, tmp_path), strict=True)]
    # A training, and pruning that nobody judges, do not look at the photographs that are held out.
    assert changed == [True, table == "train", table == "train"]


def test_other_weights_of_vgg_in_the_same_file_are_another_point(tmp_path: Path) -> None:
    data = {"train": {"vgg_weights": "vgg.npz"}, "compress": PRUNED}
    keys: list[Keys] = []
    for text in ("some", "other"):
        (tmp_path / "vgg.npz").write_text(text)
        keys.append(keys_of(data, tmp_path))
    assert not set(keys[0]) & set(keys[1])
    (tmp_path / "vgg.npz").unlink()
    with pytest.raises(WeightsError, match=r"no VGG-19 weights at .*vgg\.npz"):
        keys_of(data, tmp_path)
    assert len(keys_of({"train": {"vgg_weights": "keras.applications"}, "compress": PRUNED}, tmp_path)) == 3


def test_each_file_is_read_once_for_all_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(files, "sha256", lambda path: read.append(path.name) or "0" * 64)
    for name in ("a.png", "b.png"):
        draw(tmp_path / "photos" / name, 10)
    (tmp_path / "vgg.npz").write_text("weights")
    for bits in (2, 3, 4):
        keys_of({"train": {"content": "photos", "vgg_weights": "vgg.npz"}, "compress": {"bits": bits}}, tmp_path)
    assert sorted(read) == ["a.png", "b.png", "vgg.npz"]


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
        task = open_task(Recipe.parse(data))
        return [point_key(task), *(stage.key for stage in stages_of(task, data))]

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


def test_all_code_counts_but_what_is_named_and_none_of_it_hides_another() -> None:
    package = Path(stages.__file__).parents[1]
    named = (*stages.BESIDE, *stages.LATER, *stages.COMPRESSING)
    assert len(set(named)) == len(named)
    assert all((package / name).exists() for name in named)
    assert set(stages.TRAINED_BY) < set(stages.PRUNED_BY) < set(stages.MADE_BY)
    counted = [path for source in stages.MADE_BY for path in files_of(source) if path.suffix in (".py", ".weights")]
    names = set(state.code(*stages.MADE_BY))
    assert len(names - set(state.code())) == len(counted)
    assert {"train/fit.py", "emulator/ops/conv.py", "point.py", "formats/onnx/contents.py"} < names
    assert {
        "recipe/compress.py",
        "records/signature.py",
        "perception/losses.py",
        "tasks/task.py",
        "coding/planes.py",
    } < names
    assert {"base/size.py", "report/budgets.py"} < names


@pytest.mark.parametrize(
    ("counted", "beside"),
    # What reads, opens and runs files does not in a training or a pruning: networks that come in a file are not
    # trained, and there are no exported ones yet.
    [("TRAINED_BY", {"formats"}), ("PRUNED_BY", {"formats"}), ("MADE_BY", set())],
)
def test_code_that_counts_imports_none_that_does_not(counted: str, beside: set[str]) -> None:
    paths = getattr(stages, counted)
    rooms = {f"sweep.{path.stem}" if path.parent.name == "sweep" else path.stem for path in paths} - {"__init__"}
    looked_at = {module for module in modules() if place(module) in rooms}
    assert {name for name in rooms if "." in name} <= {place(module) for module in looked_at}
    for module in looked_at:
        ours = {place(name) for name in imports(module) if name.split(".")[0] == PACKAGE}
        assert ours <= rooms | beside, module


def place(module: str) -> str:
    """Its room; in a sweep, of which only some modules count, with its own name."""
    return module.removeprefix("export_pipeline.") if room(module) == "sweep" else room(module)


def test_stages_hold_recipes_of_their_own() -> None:
    data = {"name": "a", "compress": {**PRUNED, "bits": 4}, "export": {"targets": ["mlmodel-palettized"]}}
    for stage in stages_of(open_task(Recipe.parse(data)), data):
        recipe = Recipe.parse(dict(stage.data))
        assert not recipe.compress.clusters
        assert recipe.compress.prunes == (stage.kind == "prune")


def test_a_build_begins_with_links_and_keeps_what_it_has(tmp_path: Path) -> None:
    shared_work, work = tmp_path / "shared", tmp_path / "work"
    for folder in ("train", "compress", "export"):
        (shared_work / folder).mkdir(parents=True)
        (shared_work / folder / "file").write_text(folder)
    (work / "compress").mkdir(parents=True)
    begin_with(open_task(Recipe.parse({})), work, shared_work)
    assert (work / "train" / "file").samefile(shared_work / "train" / "file")
    assert not list((work / "compress").iterdir())
    assert not (work / "export").exists()


@pytest.mark.parametrize("part", ["polish", "second"])
def test_what_begins_with_a_training_of_two_phases_makes_no_step(
    part: str, tmp_path: Path, vgg_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phase needs nothing but a name and a recipe, whatever the name."""
    phases = StyleTransfer.phases

    def named(task: StyleTransfer) -> tuple[Phase, ...]:
        *before, last = phases(task)
        return (*before, dataclasses.replace(last, part=part)) if before else (last,)

    monkeypatch.setattr(StyleTransfer, "phases", named)
    train = {"steps": 1, "crop": 32, "style_size": 64, "batch_size": 1, "vgg_weights": str(vgg_file)}
    data = {"model": {"alpha": 0.1}, "train": {**train, "polish": {"steps": 2}}}
    job = Job(kind="train", label="it", recipe=data, relative_to=tmp_path, folder=tmp_path / "train-it")
    run_job(job)
    after = job.model_copy(update={"after": job.folder})
    steps: list[Any] = []
    with opened(Recipe.parse(data), tmp_path / "point" / "build", on_step=steps.append) as pipeline:
        assert after.shared is not None
        begin_with(pipeline.task, pipeline.work, after.shared)
        trained = pipeline.train()
        shipped = pipeline.compress(trained).checkpoint
    checkpoint = trained.checkpoint
    assert (checkpoint.info.stage, checkpoint.info.step) == (part, 2)
    assert (shipped.info.stage, shipped.info.step) == ("compress", 3)
    assert (job.folder / "done").read_text().strip() == checkpoint.sha256
    assert not steps
