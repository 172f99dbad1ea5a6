"""A build of flexible files: one for all sizes where a format has it, verified at each, and the verbs that run it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.files import files_of
from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from export_pipeline.report import Report, read_report, verdict
from tests import builds

RECIPE = f"""
name = "tiny"
[train]
warm_start = "{builds.COMMITTED / "checkpoint.safetensors"}"
steps = 0
[export]
sizes = ["64x64", "64x96"]
flexible = true
targets = ["onnx-fp32", "mlpackage-fp16", "tflite-dynamic", "mlmodel-int8"]
[verify]
images = 1
[verify.min_psnr]
"mlpackage-fp16@64x96" = 40
"""
FLEXIBLE = ["onnx-fp32", "mlpackage-fp16", "tflite-dynamic", "mlmodel-int8"]
FILES = ["tiny-dynamic.tflite", "tiny-fp16.mlpackage", "tiny-fp32.onnx", "tiny-int8.mlmodel"]
ROWS = [*FLEXIBLE, *(f"{target}@64x96" for target in FLEXIBLE)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, measured_here: None) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EXPORT_PIPELINE_DATA", raising=False)
        folder = tmp_path_factory.mktemp("flexible")
        (folder / "tiny.toml").write_text(RECIPE)
        result = builds.run("build", folder / "tiny.toml", "-o", folder / "bundle")
        assert result.returncode == 0, result.stderr
        return folder / "bundle"


@pytest.fixture
def report(bundle: Path) -> Report:
    return read_report(bundle)


def test_one_file_for_all_sizes_where_the_format_has_it(bundle: Path) -> None:
    models = Bundle.open(bundle).manifest.models
    assert sorted(model.file for model in models) == FILES
    assert {model.target for model in models} == set(FLEXIBLE)
    for model in models:
        assert model.signature.sizes == ((64, 64), (64, 96))
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert all(one["signature"]["sizes"] == [[64, 64], [64, 96]] for one in manifest["models"])


def test_each_size_is_verified_and_the_first_is_timed(bundle: Path, report: Report) -> None:
    assert [row.target for row in report.record.parity] == ROWS
    assert all(row.status == "passed" and row.psnr for row in report.record.parity)
    numbers = {row.target: row for row in report.record.parity}
    for target in FLEXIBLE:
        further = numbers[f"{target}@64x96"]
        assert further.file == numbers[target].file
        assert further.psnr != numbers[target].psnr
    assert (numbers["mlpackage-fp16"].min_psnr, numbers["mlpackage-fp16@64x96"].min_psnr) == (45, 40)
    stress = numbers["mlpackage-fp16@64x96"].stress
    assert stress is not None
    assert stress.status == "passed"
    timed = {(row.file, row.height, row.width) for row in report.benchmark.latency}
    assert {(file, *size) for file in FILES for size in [(64, 64)]} <= timed
    assert not {(file, 64, 96) for file in FILES} & timed
    assert "Images of 64x64 and 64x96 (height x width) only" in (bundle / "MODEL_CARD.md").read_text()


def test_a_file_that_fails_at_one_of_its_sizes_has_failed(report: Report) -> None:
    bad = [
        row.model_copy(update={"status": "failed", "reason": "low"}) if row.target == "onnx-fp32@64x96" else row
        for row in report.record.parity
    ]
    record = report.record.model_copy(update={"parity": tuple(bad)})
    found = verdict(report.model_copy(update={"record": record}))
    assert found.files == {**dict.fromkeys(verdict(report).files, "passed"), "onnx-fp32": "failed"}
    assert found.lines == ("onnx-fp32 parity at 64x96 FAILED: low",)


def test_verify_runs_it_on_the_golden_sample_of_each_size(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["target"], row["status"]) for row in rows} == {(target, "passed") for target in ROWS}


def test_inspect_shows_the_sizes(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--brief", *(str(bundle / file) for file in FILES)]) == 0
    text = capsys.readouterr().out
    assert text.count("image: image 1x3x64x64 or 1x3x64x96\n") == 2
    assert text.count("image: tensor 1x64x64x3 or 1x64x96x3 float32\n") == 2
    assert text.count('"sizes":[[64,64],[64,96]]') == len(FILES)
    assert text.count("Style transfer, 64x64 or 96x64 RGB image") == 2


@pytest.mark.parametrize("file", FILES)
def test_stylize_and_predict_run_it_at_each_size_and_fit_others_to_the_first(
    bundle: Path, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = str(bundle / file), str(tmp_path / "out.png")
    for height, width, fitted in ((64, 64, False), (64, 96, False), (96, 64, True), (128, 128, True)):
        path = tmp_path / f"{height}x{width}.png"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)).save(path)
        for words in (["stylize", model, str(path)], ["predict", model, "--input", f"image={path}"]):
            assert main([*words, "-o", out]) == 0
            told = capsys.readouterr()
            assert (f"{width}x{height} resized and cropped to the model's 64x64" in told.out + told.err) == fitted
            assert Image.open(out).size == ((64, 64) if fitted else (width, height))


def test_a_budget_of_a_size_without_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "a.toml"
    recipe.write_text(f'{RECIPE}[report.budgets."onnx-fp32@64x96"]\nbytes = 10\n')
    assert main(["build", str(recipe), "-o", str(tmp_path / "bundle")]) == 2
    assert "onnx-fp32@64x96, which has the file of onnx-fp32 (export.flexible); limit that" in capsys.readouterr().err
    assert [path.name for path in files_of(tmp_path)] == ["a.toml"]


def test_diff_compares_it(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(bundle), str(bundle), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["target"] for row in found["files"]} == set(FLEXIBLE)


def test_the_app_verb_copies_it(bundle: Path, tmp_path: Path) -> None:
    assert main(["app", str(bundle), "--ios", str(tmp_path / "ios")]) == 0
    assert [path.name for path in (tmp_path / "ios").rglob("*.mlpackage")] == ["tiny-fp16.mlpackage"]
    assert main(["app", str(bundle), "--android", str(tmp_path / "android")]) == 0
    assert [path.name for path in (tmp_path / "android").rglob("*.tflite")] == ["tiny-dynamic.tflite"]


def test_a_build_again_has_nothing_to_do(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPORT_PIPELINE_DATA", raising=False)
    result = builds.run("build", bundle.parent / "tiny.toml", "-o", bundle)
    assert result.returncode == 0
    assert "up to date" in result.stdout
