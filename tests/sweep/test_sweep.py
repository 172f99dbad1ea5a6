"""A sweep as its users run it: shared, killed, resumed, and with points that cannot be run."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import time
from pathlib import Path

import pytest

from export_pipeline import sweep as sweeping
from export_pipeline.cli import main
from export_pipeline.sweep import run_point
from export_pipeline.sweep.jobs import Job
from export_pipeline.sweep.model import SweepBenchmark, SweepRecord, SweptPoint
from export_pipeline.sweep.plots import worths
from export_pipeline.sweep.processes import Failure, run_jobs
from tests import builds
from tests.sweep.material import METRICS

RECIPE = """
name = "tiny"
[model]
alpha = 0.3
margin = 32
[train]
warm_start = "{checkpoint}"
style = "builtin"
vgg_weights = "{vgg}"
steps = 0
crop = 48
style_size = 64
batch_size = 1
learning_rate = 1e-5
[export]
height = 48
width = 48
targets = ["onnx-fp32"]
[verify]
images = 1
"""
TRAINED = "train for report.runs=30: done"


def write_recipe(folder: Path, vgg: Path | str = "none.npz") -> Path:
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(checkpoint=builds.COMMITTED / "checkpoint.safetensors", vgg=vgg))
    return path


Ended = tuple[Path, str, int]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory, vgg_file: Path, measured_here: None) -> Ended:
    """A sweep killed when its first point was done, then run to its end: its folder, all it told, the exit code."""
    folder = tmp_path_factory.mktemp("sweep")
    recipe, out = write_recipe(folder, vgg_file), folder / "out"
    command = ["sweep", str(recipe), "--set", "report.runs=30,31", "-o", str(out), "--jobs", "2"]
    process = builds.start(*command)
    deadline = time.monotonic() + 240
    while not (done := list(out.glob(".work/point-*/result.json"))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    _, first = process.communicate()
    before = {path: path.stat().st_mtime_ns for path in done}
    assert not (out / "sweep.json").exists()
    with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(io.StringIO()):
        code = main([*command[:-1], "1"])  # what measures here does so one file after the other
    assert {path: path.stat().st_mtime_ns for path in done} == before
    return out, first + told.getvalue(), code


def points_of(out: Path) -> list[SweptPoint]:
    return list(SweepRecord.model_validate_json((out / "sweep.json").read_text()).points)


def test_one_training_serves_all_points(resumed: Ended) -> None:
    out, told, code = resumed
    assert code == 0, told
    assert told.count(TRAINED) == 1
    assert len(list(out.glob(".work/train-*/done"))) == 1
    points = points_of(out)
    assert [(point.overrides, point.result.status) for point in points] == [
        ({"report.runs": 30}, "passed"),
        ({"report.runs": 31}, "passed"),
    ]
    assert points[0].result == points[1].result


def test_everything_is_measured_and_drawn(resumed: Ended) -> None:
    out, *_ = resumed
    pictures = {"sheet.jpg", *worths(METRICS)}
    assert {path.name for path in out.iterdir()} == {
        ".work",
        "sweep.json",
        "benchmark.json",
        "sweep.md",
        "sweep.html",
        *pictures,
    }
    benchmark = SweepBenchmark.model_validate_json((out / "benchmark.json").read_text())
    files = {f"{point.folder}/{file.file}" for point in points_of(out) for file in point.result.files}
    assert len(files) == 2
    assert files < {row.file for row in benchmark.latency}
    assert files < {row.file for row in benchmark.memory}
    assert {row.runs for row in benchmark.latency} == {31}
    assert not benchmark.skipped
    assert [pick.name for pick in benchmark.picks] == ["smallest", "fastest", "balanced"]
    assert all(pick.point for pick in benchmark.picks)


def test_a_point_is_a_pure_function_of_its_recipe(resumed: Ended, tmp_path: Path) -> None:
    """Whether it trains for itself or begins with a shared training, in whatever process: bit for bit."""
    out, *_ = resumed
    inside = points_of(out)[0]
    job = json.loads((out / inside.folder / "job.json").read_text())
    with pytest.warns(UserWarning, match="train.style is builtin, which is not the image"):
        assert run_point(json.dumps(job["recipe"]), tmp_path / "alone") == inside.result


def test_points_that_cannot_be_run_are_rows_with_their_reason_and_exit_code_1(
    tmp_path: Path, vgg_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = Failure("its process was ended by SIGSEGV", "broken")
    monkeypatch.setattr(sweeping, "run_jobs", lambda jobs, *_: {job.folder: failure for job in jobs})
    recipe, out = write_recipe(tmp_path, vgg_file), tmp_path / "out"
    assert main(["sweep", str(recipe), "--set", "report.runs=30,31", "-o", str(out)]) == 1
    assert "2 of 2 points have no result: report.runs=30: broken: its process was ended" in capsys.readouterr().err
    assert {(point.result.status, point.result.reason) for point in points_of(out)} == {("broken", failure.reason)}
    assert "BROKEN" in (out / "sweep.md").read_text()


def test_a_check_that_failed_before_there_were_files_is_a_failed_row(
    tmp_path: Path, vgg_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = Failure("pruning did not take effect", "failed")
    monkeypatch.setattr(sweeping, "run_jobs", lambda jobs, *_: {job.folder: failure for job in jobs})
    recipe, out = write_recipe(tmp_path, vgg_file), tmp_path / "out"
    assert main(["sweep", str(recipe), "--set", "report.runs=30,31", "-o", str(out)]) == 0
    assert {point.result.status for point in points_of(out)} == {"failed"}


def test_a_job_that_cannot_be_done_says_why(tmp_path: Path) -> None:
    job = Job(kind="train", label="it", recipe={"sed": 1}, relative_to=tmp_path, folder=tmp_path / "job")
    told: list[str] = []
    (failure,) = run_jobs([job], 1, told.append).values()
    assert failure.how == "refused"
    assert "unknown key 'sed'" in failure.reason
    assert not job.finished
    assert told[-1].startswith("[1/1] it: refused")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "compress.bit=1..8"], "unknown key 'compress.bit'; did you mean 'bits'"),
        (["--set", "model.alpha=0.3,0.5"], "model.alpha=0.5: "),
        (["--set", "train.style=builtin,nowhere.jpg"], "train.style=nowhere.jpg: "),
        (["--set", "train.vgg_weights=nowhere.npz"], "train.vgg_weights=nowhere.npz: no VGG-19 weights at "),
        (["--set", "report.runs=30", "--jobs", "0"], "jobs is 0"),
        (["--set", "report.runs=30", "--tolerance", "-1"], "the tolerance is -1.0"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is(
    arguments: list[str], message: str, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, vgg_file)
    assert main(["sweep", str(recipe), "-o", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_sweep_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(tmp_path)
    assert main(["sweep", str(recipe), "--set", "report.runs=30", "-o", str(tmp_path)]) == 2
    assert "is not a sweep" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_results_without_their_record_are_a_sweep_to_renew_unless_something_else_lies_there(
    tmp_path: Path, vgg_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a fresh clone, to which the work folder does not come, when the record was deleted to renew it."""
    failure = Failure("pruning did not take effect", "failed")
    monkeypatch.setattr(sweeping, "run_jobs", lambda jobs, *_: {job.folder: failure for job in jobs})
    recipe, out = write_recipe(tmp_path, vgg_file), tmp_path / "out"
    out.mkdir()
    for name in ("sweep.md", "benchmark.json", "sheet.jpg", "pareto_style.png", "pareto_parity.png", "notes.txt"):
        (out / name).write_text("old")
    command = ["sweep", str(recipe), "--set", "report.runs=30", "-o", str(out)]
    assert main(command) == 2
    assert "is not a sweep" in capsys.readouterr().err
    assert {path.read_text() for path in out.iterdir()} == {"old"}
    (out / "notes.txt").unlink()
    assert main(command) == 2  # names alone make no sweep: somebody else's page would be lost
    (out / "sweep.md").write_text("# Sweep of tiny\n")
    (out / ".DS_Store").write_text("old")
    assert main(command) == 0
    assert len(points_of(out)) == 1
    assert (out / "sweep.md").read_text() != "old"
