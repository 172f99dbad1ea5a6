"""``distill``: from a recipe to a loss network, killed and resumed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline import coding
from export_pipeline.cli import main
from export_pipeline.distill.material import Material, crop_of, varied_crop
from export_pipeline.distill.run import Distilled, Run, cosines, distill
from export_pipeline.distill.student import slimmed
from export_pipeline.errors import CheckpointError, RecipeError
from export_pipeline.perception.loss_network import DISTILLED, distilled
from export_pipeline.perception.vgg_weights import Weights
from export_pipeline.recipe.distill import DistillRecipe

ROOT = Path(__file__).parents[2]
RECIPE = f"""
painters = ["{ROOT}/artifacts/starry_night_small/checkpoint.safetensors"]
width = 0.25
baseline = true
bits = 4
learning_rate = 0.002
checkpoint_every = 2
[[phases]]
crop = 32
batch_size = 1
steps = 4
painted = 0.5
gram_weight = 0.5
[[phases]]
crop = 48
batch_size = 2
steps = 4
learning_rate = 0.001
"""


@pytest.fixture(scope="module", autouse=True)
def quick() -> Any:
    """Few crops, and a log of every second step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export_pipeline.distill.material.HELD_CROPS", 1)
        patch.setattr("export_pipeline.distill.run.FIRST_CROPS", 2)
        patch.setattr("export_pipeline.distill.run.LAST_CROPS", 4)
        patch.setattr("export_pipeline.distill.run.LOG_EVERY", 2)
        patch.setattr("export_pipeline.recipe.distill.LOG_EVERY", 2)
        yield


@pytest.fixture(scope="module")
def teacher(vgg_arrays: Any) -> Weights:
    """A tenth of VGG-19's filters."""
    return slimmed(vgg_arrays, 0.1).weights


def recipe_file(folder: Path) -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def made(quick: None, teacher: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run of eight steps."""
    folder = tmp_path_factory.mktemp("distill")
    distill(DistillRecipe.load(recipe_file(folder)), folder / "tiny.weights", teacher=teacher)
    return folder


def test_a_run_leaves_weights_that_train_styles_and_a_record(made: Path) -> None:
    network = distilled(made / "tiny.weights")
    assert network.roots
    assert network.weights["conv1_1"][0].shape == (3, 3, 3, 2)
    record = Distilled.model_validate_json((made / "tiny.json").read_text())
    assert record.student.bytes == (made / "tiny.weights").stat().st_size
    assert [row["step"] for row in record.log] == [2, 4, 6, 8]
    assert np.shape(record.log[0]["errors"]) == (2, 5)
    assert len(record.student.errors) == len(record.student.float_errors) == 5
    assert all(np.isfinite(record.student.errors))


def test_the_baseline_has_no_embedding(made: Path) -> None:
    assert not distilled(made / "tiny-slimmed.weights").roots
    record = Distilled.model_validate_json((made / "tiny.json").read_text())
    assert record.baseline is not None
    assert record.baseline.parameters == record.student.parameters
    assert (record.baseline.embedding_parameters == 0) < record.student.embedding_parameters


def test_training_brings_the_features_nearer(teacher: Weights, tmp_path: Path) -> None:
    """The embeddings end where least squares puts them, trained or not; steps must do better."""
    base = DistillRecipe.load(recipe_file(tmp_path))
    phase = base.phases[1].model_copy(update={"steps": 30, "learning_rate": None})
    found = []
    for rate in (1e-9, 1e-3):
        recipe = base.model_copy(update={"phases": (phase,), "learning_rate": rate, "baseline": False})
        run = Run(recipe, tmp_path / str(rate), Material.of(recipe), teacher)
        trained = run.trained()
        found.append(np.array(run.errors(trained, trained.students[0])))
    untrained, learned = found
    assert np.prod(learned) < 0.8 * np.prod(untrained)


@pytest.mark.parametrize("last", ["step 2 ", "step 4 ", "step 6 ", "fitting"])
def test_an_interrupted_run_ends_with_the_same_bytes(teacher: Weights, made: Path, tmp_path: Path, last: str) -> None:
    class StopError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith(last):
            raise StopError

    recipe, out = DistillRecipe.load(recipe_file(tmp_path)), tmp_path / "tiny.weights"
    with pytest.raises(StopError):
        distill(recipe, out, say=stop, teacher=teacher)
    assert not out.exists()
    distill(recipe, out, teacher=teacher)
    assert out.read_bytes() == (made / "tiny.weights").read_bytes()
    assert (tmp_path / "tiny.json").read_bytes() == (made / "tiny.json").read_bytes()


def test_another_recipes_work_is_refused(teacher: Weights, made: Path) -> None:
    changed = DistillRecipe.load(recipe_file(made)).model_copy(update={"seed": 5})
    with pytest.raises(CheckpointError, match=r"differs in seed.\nUse .*--fresh"):
        distill(changed, made / "tiny.weights", teacher=teacher)


def test_work_on_other_images_is_refused(teacher: Weights, made: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "black.png")
    recipe = DistillRecipe.load(recipe_file(made))
    state = made / ".tiny.weights.work" / "state.npz"
    with np.load(state) as data:
        arrays = dict(data)
    (tmp_path / ".tiny.weights.work").mkdir()
    named = json.loads(str(arrays["recipe"])) | {"paintings": str(tmp_path)}
    np.savez(tmp_path / ".tiny.weights.work" / "state.npz", **{**arrays, "recipe": json.dumps(named)})
    with pytest.raises(CheckpointError, match="other images"):
        distill(recipe.model_copy(update={"paintings": str(tmp_path)}), tmp_path / "tiny.weights", teacher=teacher)


def test_damaged_work_is_refused(teacher: Weights, made: Path, tmp_path: Path) -> None:
    (tmp_path / ".tiny.weights.work").mkdir()
    whole = (made / ".tiny.weights.work" / "state.npz").read_bytes()
    (tmp_path / ".tiny.weights.work" / "state.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"damaged: .*--fresh"):
        distill(DistillRecipe.load(recipe_file(tmp_path)), tmp_path / "tiny.weights", teacher=teacher)


def test_work_of_another_version_is_refused(teacher: Weights, made: Path, tmp_path: Path) -> None:
    (tmp_path / ".tiny.weights.work").mkdir()
    with np.load(made / ".tiny.weights.work" / "state.npz") as data:
        np.savez(tmp_path / ".tiny.weights.work" / "state.npz", **{**data, "version": 1})
    with pytest.raises(CheckpointError, match=r"another version of export-pipeline. Start over with --fresh"):
        distill(DistillRecipe.load(recipe_file(tmp_path)), tmp_path / "tiny.weights", teacher=teacher)


def test_images_that_are_missing_are_named_when_a_run_goes_on(
    made: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = recipe_file(tmp_path)
    recipe.write_text('content = "none"\n' + recipe.read_text())
    assert main(["distill", str(recipe), "-o", str(tmp_path / "tiny.weights")]) == 2
    error = capsys.readouterr().err
    assert "none" in error
    assert "fault of ours" not in error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xyzzy = 1", "xyzzy"),
        ("width = 0", "width"),
        ("phases = []", "phases"),
        ("[[phases]]\nsteps = 10\ncrop = 8", "crop"),
        ("[[phases]]\nsteps = 10\nbatchsize = 8", "batch_size"),
        ("checkpoint_every = 71", "multiple of"),
        ("[[phases]]\nsteps = 10\npainted = 0.5", "painters is empty"),
        ('painters = ["a.safetensors"]', "no phase has painted crops"),
        ("width = ", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError) as raised:
        DistillRecipe.load(tmp_path / "r.toml")
    assert said in str(raised.value)


def test_the_output_must_be_a_container(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", str(recipe_file(tmp_path)), "-o", str(tmp_path / "x.npz")]) == 2
    assert ".weights" in capsys.readouterr().err


def test_crops_are_pure_functions_of_seed_and_number() -> None:
    material = Material.of(DistillRecipe())
    first = [varied_crop(material, 1, index, 40) for index in range(12)]
    for index in (11, 3):
        np.testing.assert_array_equal(varied_crop(material, 1, index, 40), first[index])
    assert not np.array_equal(varied_crop(material, 2, 3, 40), first[3])
    for crop in first:
        assert crop.shape == (40, 40, 3)
        assert crop.dtype == np.float32
        assert 0 <= crop.min() <= crop.max() <= 255


def test_painted_crops_are_what_a_painter_makes_of_the_others(tmp_path: Path) -> None:
    from export_pipeline.train import Checkpoint, restored

    recipe = DistillRecipe.load(recipe_file(tmp_path))
    material = Material.of(recipe)
    network = restored(Checkpoint.open(recipe.path(recipe.painters[0])))
    whole, blended = 0, 0
    for number in range(12):
        plain, shown = (varied_crop(material, 1, number, 40, painted) for painted in (0.0, 1.0))
        picture = network(plain[None], training=False)[0].numpy()
        share = float(((shown - plain) * (picture - plain)).sum() / np.square(picture - plain).sum())
        np.testing.assert_allclose(shown, share * picture + (1 - share) * plain, atol=0.02)
        whole, blended = whole + (share > 0.999), blended + (0 < share < 0.999)
    assert whole
    assert blended
    assert material.sha256 != Material.of(DistillRecipe()).sha256


def test_a_painter_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_file(tmp_path)
    recipe.write_text(recipe.read_text().replace("starry_night_small", "nobody"))
    assert main(["distill", str(recipe), "-o", str(tmp_path / "tiny.weights")]) == 2
    assert "nobody" in capsys.readouterr().err


def test_a_painter_that_is_not_ready_is_refused_before_a_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a checkpoint of the middle of pruning, whose wrapped network has other tensors."""
    from safetensors.numpy import save_file

    from export_pipeline.train import Checkpoint

    whole = ROOT / "artifacts/starry_night_small/checkpoint.safetensors"
    metadata = {"checkpoint": Checkpoint.open(whole).info.model_dump_json()}
    save_file({"model.0000": np.zeros((2, 2), np.float32)}, tmp_path / "half.safetensors", metadata)
    recipe = recipe_file(tmp_path)
    recipe.write_text(recipe.read_text().replace(str(whole), "half.safetensors"))
    assert main(["distill", str(recipe), "-o", str(tmp_path / "tiny.weights")]) == 2
    error = capsys.readouterr().err
    assert "half.safetensors was made by another network" in error
    assert "fault of ours" not in error
    assert not (tmp_path / ".tiny.weights.work/log.jsonl").exists()


def test_embeddings_stay_as_learned_where_the_last_phase_weighs_gram_matrices(teacher: Weights, tmp_path: Path) -> None:
    recipe = DistillRecipe.load(recipe_file(tmp_path))
    last = recipe.phases[1].model_copy(update={"gram_weight": 0.5})
    said: list[str] = []
    recipe = recipe.model_copy(update={"phases": (last,), "baseline": False})
    run = Run(recipe, tmp_path / "work", Material.of(recipe), teacher, said.append)
    student = run.trained().students[0]
    assert "fitting the embeddings" not in said
    averages = [v.numpy() for v in student.optimizer._model_variables_moving_average]
    for variable, average in zip(student.trainable, averages, strict=True):
        np.testing.assert_array_equal(variable.numpy(), average)


def test_a_run_of_a_recipe_that_knew_of_no_painters_goes_on(teacher: Weights, made: Path, tmp_path: Path) -> None:
    """What it could not say has its default: the message is of what really differs."""
    recipe = DistillRecipe.load(recipe_file(tmp_path))
    (tmp_path / ".tiny.weights.work").mkdir()
    with np.load(made / ".tiny.weights.work" / "state.npz") as data:
        arrays = dict(data)
    older = json.loads(str(arrays["recipe"]))
    del older["painters"]
    for phase in older["phases"]:
        del phase["painted"], phase["gram_weight"], phase["learning_rate"]
    np.savez(tmp_path / ".tiny.weights.work" / "state.npz", **{**arrays, "recipe": json.dumps(older)})
    with pytest.raises(CheckpointError, match=r"differs in painters, phases\."):
        distill(recipe, tmp_path / "tiny.weights", teacher=teacher)
    np.savez(tmp_path / ".tiny.weights.work" / "state.npz", **{**arrays, "recipe": '{"xyzzy": 1}'})
    with pytest.raises(CheckpointError, match=r"another version of export-pipeline. Start over with --fresh"):
        distill(recipe, tmp_path / "tiny.weights", teacher=teacher)


def test_the_learning_rate_begins_anew_where_a_phase_says_so(tmp_path: Path) -> None:
    from export_pipeline.train.fit import Schedules, schedule

    recipe = DistillRecipe.load(recipe_file(tmp_path))
    assert cosines(recipe) == [(0.002, 4), (0.001, 4)]
    going_on = recipe.model_copy(update={"phases": (recipe.phases[0], recipe.phases[0])})
    assert cosines(going_on) == [(0.002, 8)]
    rates = [float(Schedules([(0.002, 40), (0.001, 100)])(step)) for step in range(140)]
    expected = [float(schedule(*part)(step)) for part in ((0.002, 40), (0.001, 100)) for step in range(part[1])]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_a_crop_is_a_part_of_the_image() -> None:
    ramp = np.repeat(np.linspace(0, 255, 300)[None, :, None], 200, 0).repeat(3, 2).astype(np.uint8)
    crop = crop_of(ramp, 64, np.random.default_rng(0))
    slopes = np.diff(crop.mean((0, 2)))
    assert abs(abs(slopes.mean()) - 255 / 300 * 200 / 384) < 0.3
    assert np.ptp(crop.mean((1, 2))) < 1


def test_the_committed_network_is_the_one_of_its_record() -> None:
    from export_pipeline.base.files import sha256

    record = Distilled.model_validate_json((ROOT / "artifacts/loss_network/distilled.json").read_text())
    assert record.student.sha256 == sha256(DISTILLED)
    assert json.loads(json.dumps(record.log[-1]))["step"] == record.recipe.steps
    found = coding.read(ROOT / "artifacts/loss_network/distilled-slimmed.weights")
    assert not [name for name in found if name.endswith("_embedding")]


def test_the_committed_painters_are_those_of_their_recipes() -> None:
    from export_pipeline.recipe import Recipe
    from export_pipeline.train import Checkpoint

    recipe = DistillRecipe.load(ROOT / "artifacts/loss_network/recipe.toml")
    painters = {recipe.path(named).resolve() for named in recipe.painters}
    own = set((ROOT / "artifacts/loss_network/painters").glob("*.safetensors"))
    assert own
    assert own < painters
    record = Distilled.model_validate_json((ROOT / "artifacts/loss_network/distilled.json").read_text())
    assert record.painters == {named: Checkpoint.open(recipe.path(named)).sha256 for named in recipe.painters}
    for path in painters:
        made = Checkpoint.open(path).info
        if path in own:
            asked = Recipe.load(path.with_suffix(".toml"))
            assert (made.recipe.train, made.recipe.model, made.step) == (asked.train, asked.model, asked.train.steps)
