"""The doctor: a row for each thing, on any machine."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from export_pipeline.cli import main
from export_pipeline.errors import CheckFailed
from export_pipeline.perception.vgg_weights import WHEEL
from export_pipeline.verbs import doctor
from export_pipeline.verbs.doctor import LIBRARIES, Row, examine, require_healthy, weights

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(doctor.__file__).parents[2]


def row(name: str) -> Row:
    return next(row for row in examine() if row.name == name)


def test_a_machine_that_runs_the_tests_is_healthy() -> None:
    rows = examine()
    require_healthy(rows)
    others = ["coreai-core", "pi-heif", "processors", "disk", "VGG-19 weights"]
    assert [row.name for row in rows] == ["Python", *LIBRARIES, *others]
    for name in LIBRARIES:
        assert row(name).detail == importlib.metadata.version(name)


def test_every_library_that_a_build_needs_is_looked_at() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [Requirement(line) for line in (*project["dependencies"], *extras["emulator"], *extras["all"])]
    names = {one.name for one in asked if one.marker is None or one.marker.evaluate()} - {project["name"]}
    assert sorted(LIBRARIES) == sorted(names)


def test_it_looks_without_loading_anything_heavy() -> None:
    code = "import sys; from export_pipeline.verbs.doctor import examine; examine(); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert not loaded & {"tensorflow", "tf_keras", "coremltools", "onnx", "onnxruntime", "numpy"}


def test_a_missing_library_fails_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("tensorflow", "onnx"):
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(doctor, "version", version)
    assert row("tensorflow").status == "failed"
    with pytest.raises(CheckFailed) as caught:
        require_healthy(examine())
    assert caught.value.exit_code == 1
    for said in ("tensorflow: not installed", "onnx: not installed", "pip install '.[all]'"):
        assert said in str(caught.value)
    assert "coremltools" not in str(caught.value)


@pytest.mark.parametrize(("free", "status"), [(10 * 1024**3, "ok"), (2 * 1024**3 - 1, "failed")])
def test_too_little_disk_fails(free: int, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))
    assert row("disk").status == status
    assert ("2 are needed" in row("disk").detail) == (status == "failed")


@pytest.mark.parametrize(("version", "status"), [((3, 9, 18), "failed"), ((3, 10, 0), "ok"), ((3, 14, 0), "failed")])
def test_pythons(version: tuple[int, int, int], status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert row("Python").status == status
    assert row("Python").detail.startswith(".".join(map(str, version)))


def test_the_weights_are_looked_at_closely(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXPORT_PIPELINE_CACHE", str(tmp_path))
    found = row("VGG-19 weights")
    assert (found.status, found.detail[:10]) == ("skipped", "not cached")
    (tmp_path / WHEEL.file).write_bytes(b"half a download")
    assert weights(WHEEL).status == "skipped"
    assert "damaged at" in weights(WHEEL).detail
    whole = dataclasses.replace(WHEEL, sha256=hashlib.sha256(b"half a download").hexdigest())
    assert weights(whole) == Row(status="ok", name="VGG-19 weights", detail=f"cached at {tmp_path / WHEEL.file}")


def test_what_is_skipped_does_not_stand_in_the_way() -> None:
    require_healthy((Row(status="skipped", name="x", detail="y"), Row(status="ok", name="z", detail="")))


def test_doctor_finds_this_environment_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} >= {"Python", "tensorflow", "VGG-19 weights"}
