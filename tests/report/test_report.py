from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.cores import cores
from export_pipeline.base.images import fit
from export_pipeline.errors import CheckFailed, ModelError, OutputError, UsageError
from export_pipeline.recipe import Recipe
from export_pipeline.report import (
    BENCHMARK_FILE,
    FILES,
    PICTURE_FILE,
    RECORD_FILE,
    Report,
    benchmark,
    benchmark_text,
    check,
    make_report,
    read_report,
    render_pages,
    terminal,
)
from export_pipeline.report.machine import libraries
from export_pipeline.report.memory import peak_memory
from export_pipeline.report.schema import SCHEMAS, rendered, written
from export_pipeline.report.sheet import IN_LINE
from export_pipeline.tasks.style_transfer import NO_JUDGE
from export_pipeline.verify import verify
from tests.small_models import HEIGHT, RECIPE, WIDTH, exported, task

TARGETS = ("tflite-dynamic", "onnx-fp32")
BUDGETS = {"onnx-fp32": {"bytes": 10**6, "fps_ratio": 0.001, "peak_memory_bytes": 10**11, "style_distance": 9.0}}


@cache
def reported() -> tuple[Path, Report]:
    """The report on three of the tiny files, measured once."""
    made = exported()
    folder = Path(tempfile.mkdtemp(prefix="report-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    models = tuple(model for model in made.models if model.target in TARGETS)
    for model in models:
        shutil.copy(made.folder / model.file, folder / model.file)
    recipe = Recipe.parse({**RECIPE.model_dump(), "report": {"budgets": BUDGETS}})
    parity = verify(folder, models, made.network, task(1, recipe), NO_JUDGE)
    lines: list[str] = []
    provenance = {"checkpoint": "of <this> test"}
    report = make_report(folder, models, parity, made.float_model, task(2, recipe), provenance, progress=lines.append)
    # Latency is of one thread and of all cores, and of a file that scatters once more.
    told = [line.split()[0] for line in lines]
    assert list(dict.fromkeys(told)) == ["contents", "latency", "memory", "picture"]
    assert told.count("memory") == 3
    return folder, report


def settled(report: Report) -> Report:
    """*report* with its frame rate not NOISY, which it may be on a busy machine."""
    quiet = {"status": "passed", "reason": ""}
    rows = tuple(row.model_copy(update=quiet if row.status == "noisy" else {}) for row in report.benchmark.budgets)
    return report.model_copy(update={"benchmark": report.benchmark.model_copy(update={"budgets": rows})})


def test_the_record_is_on_disk_and_round_trips() -> None:
    folder, report = reported()
    assert read_report(folder) == report
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert {path.name for path in folder.iterdir()} >= set(FILES)
    with pytest.raises(CheckFailed, match="1 checks failed: onnx-fp32 style_distance: VGG-19's weights are not"):
        check(settled(report))  # a budget that could not be measured is none that was kept
    kept = [row for row in report.record.budgets if row.status != "skipped"]
    check(settled(report).model_copy(update={"record": report.record.model_copy(update={"budgets": tuple(kept)})}))


def test_the_work_of_each_layer_is_told_with_the_kind_of_the_blocks() -> None:
    folder, report = reported()
    network = report.record.float_network
    assert [(row.name, row.kind) for row in network.work] == [
        *(("down0_conv", "9x9 full"), ("down1_conv", "3x3 full"), ("down2_conv", "3x3 full")),
        *(("up0_conv", "3x3 full"), ("up1_conv", "3x3 full"), ("out_conv", "9x9 full")),
    ]
    assert sum(row.multiply_accumulates for row in network.work) == network.multiply_accumulates
    assert (
        f"| all | residual blocks | {network.multiply_accumulates:,} | 100.0% |" in (folder / "report.md").read_text()
    )


def test_the_schemas_are_current_and_the_files_follow_them() -> None:
    for name in SCHEMAS:
        assert written(name) == rendered(name), "run: python -m export_pipeline.report.schema"
    folder, _ = reported()
    jsonschema.validate(json.loads((folder / RECORD_FILE).read_text()), json.loads(written("schema.json")))
    jsonschema.validate(json.loads((folder / BENCHMARK_FILE).read_text()), json.loads(written("benchmark_schema.json")))


def test_memory_of_a_core_ml_file_is_measured_without_tensorflow() -> None:
    """coremltools would load it where it is installed; running the file takes none of it."""
    _, report = reported()
    with_tensorflow = next(row for row in report.benchmark.memory if row.file == "float.keras")
    row = peak_memory(exported().path("mlmodel-int8"), (HEIGHT, WIDTH))
    assert row.imported_bytes < 0.75 * with_tensorflow.imported_bytes


def test_nothing_of_this_machine_is_in_the_record() -> None:
    folder, report = reported()
    text = (folder / RECORD_FILE).read_text()
    assert str(folder.parent) not in text
    assert report.benchmark.machine.processor not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_files_are_timed_in_one_run_with_the_float_network() -> None:
    _, report = reported()
    names = ["float.keras", *(row.file for row in report.record.files)]
    counts = sorted({1, cores()})
    assert [(row.file, row.threads) for row in report.benchmark.latency] == [(n, c) for c in counts for n in names]
    for row in report.benchmark.latency:
        assert row.runs == 30
        assert (row.height, row.width) == (HEIGHT, WIDTH)
        assert row.fps == pytest.approx(1000 / row.median_ms, rel=0.01)
        assert row.processor == report.benchmark.machine.processor
    assert [row.file for row in report.benchmark.memory] == names
    for row in report.benchmark.memory:
        assert 20e6 < row.imported_bytes < row.peak_bytes < 4e9
    assert report.benchmark.skipped == {}


def test_budgets_are_judged_and_the_skipped_one_is_seen() -> None:
    folder, report = reported()
    found = {row.what: row.status for row in report.budgets}
    assert found.pop("fps_ratio") in ("passed", "noisy")  # as busy as the machine is
    assert found == {
        "nonzero_share": "passed",  # of a pruned network's files, without being asked for
        "bytes": "passed",
        "style_distance": "skipped",
        "peak_memory_bytes": "passed",
    }
    for text in (terminal(report), (folder / "report.md").read_text(), (folder / "report.html").read_text()):
        assert "SKIPPED" in text
        assert "weights are not at hand" in text
        assert f"{report.record.files[0].size.bytes:,}" in text


def test_the_page_needs_no_other_file_and_escapes_what_it_shows() -> None:
    folder, _ = reported()
    text = (folder / "report.html").read_text()
    assert "of &lt;this&gt; test" in text
    assert 'href="data:image/jpeg;base64,' in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert PICTURE_FILE in (folder / "report.md").read_text()


def test_pages_are_drawn_anew_from_the_records_alone() -> None:
    folder, _ = reported()
    before = {name: (folder / name).read_bytes() for name in ("report.md", "report.html")}
    render_pages(folder, read_report(folder))
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_the_picture_has_each_file_and_where_it_differs_for_each_photograph() -> None:
    folder, report = reported()
    picture = np.asarray(Image.open(folder / PICTURE_FILE)).astype(float)
    files = len(report.record.files)
    assert files <= IN_LINE
    lines = 3  # of a photograph: what goes in and the float network, the files, the differences
    assert picture.shape[:2] == (8 + 2 * lines * (HEIGHT + 40 + 8), 8 + 3 * (WIDTH + 8))

    def cell(line: int, column: int) -> np.ndarray:
        top, left = 48 + line * (HEIGHT + 48), 8 + column * (WIDTH + 8)
        return picture[top : top + HEIGHT, left : left + WIDTH]

    own = task(2)
    assert own.style is not None
    for sample, first in zip(own.validation(), (0, lines), strict=True):  # and not the built-in photographs
        shown, style, network = (cell(first, column) for column in range(3))
        assert np.abs(shown - sample.inputs["image"]).mean() < 12  # as JPEG has it
        assert np.abs(style - fit(own.style, HEIGHT, WIDTH)).mean() < 12
        assert np.abs(network - shown).mean() > 10
        for column in range(files):
            assert np.abs(cell(first + 1, column) - network).mean() < 5
            assert cell(first + 2, column).mean() < 60  # nearly black: they are nearly equal


def test_the_picture_shows_free_photographs_where_the_recipe_says_so() -> None:
    own = task(2)
    free = task(2, Recipe.parse({**RECIPE.model_dump(), "verify": {"show": "built-in"}}))
    assert [sample.inputs["image"].tobytes() for sample in own.pictured()] == [
        sample.inputs["image"].tobytes() for sample in own.validation()
    ]
    assert free.pictured()[0].inputs["image"].tobytes() == free.shown()[0].inputs["image"].tobytes()


def test_a_report_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no whole report"):
        read_report(tmp_path)


def test_benchmark_measures_any_formats_against_one_another() -> None:
    made = exported()
    paths = [made.path("onnx-fp32"), made.path("tflite-fp16")]
    rows = benchmark(paths, threads=1)
    assert [row.file for row in rows] == [path.name for path in paths]
    text = benchmark_text(rows)
    assert all(row.file in text and row.runtime in text for row in rows)
    assert rows[0].processor in text


def test_benchmark_refuses_what_it_cannot_measure(tmp_path: Path) -> None:
    path = exported().path("onnx-fp32")
    with pytest.raises(UsageError, match="30 or more"):
        benchmark([path], runs=29)
    with pytest.raises(UsageError, match="at least one"):
        benchmark([])
    with pytest.raises(UsageError, match="1 thread"):
        benchmark([path], threads=(0,))
    with pytest.raises(ModelError, match="no model"):
        benchmark([tmp_path / "none.onnx"])
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    with pytest.raises(ModelError, match=r"bad\.onnx is damaged"):
        benchmark([tmp_path / "bad.onnx"], threads=(1,))


def test_versions_of_what_made_the_files_are_known() -> None:
    found = libraries()
    assert found["coremltools"][0].isdigit()
    assert found["tensorflow"][0].isdigit()
    assert {"tensorflow-model-optimization", "ai-edge-litert", "numpy", "pillow", "scikit-image"} < set(found)
