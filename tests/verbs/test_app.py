"""``app``: bundles into apps, checked on the way in and again where they lie."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.base.files import files_of, sha256
from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from tests.builds import COMMITTED

NAME = COMMITTED.name
OTHER = COMMITTED.parent / "the_scream_small"


def app(*words: object) -> int:
    return main(["app", *map(str, words)])


def listing(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files_of(folder)}


def test_each_app_gets_what_its_code_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(COMMITTED, OTHER, "--ios", tmp_path / "i", "--android", tmp_path / "a", "--json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [(row["app"], row["bundle"], row["status"]) for row in rows] == [
        ("ios", NAME, "copied"),
        ("ios", OTHER.name, "copied"),
        ("android", NAME, "copied"),
        ("android", OTHER.name, "copied"),
    ]
    assert rows[0]["models"] == [f"{NAME}-int8.mlpackage"]
    assert rows[2]["models"] == [f"{NAME}-fp16.tflite", f"{NAME}-dynamic.tflite"]
    for row in rows:
        folder = Path(row["folder"])
        listed = Bundle.open(folder).manifest.files
        found = listing(folder)
        assert found.pop("manifest.json") == sha256(COMMITTED.parent / row["bundle"] / "manifest.json")
        assert found == {name: listed[name].sha256 for name in found}
        assert {name.split("/")[0] for name in found} == set(row["models"])
        assert row["bytes"] == sum(file.stat().st_size for file in files_of(folder))


def test_what_lies_there_already_is_left_and_what_has_changed_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app(COMMITTED, "--ios", tmp_path) == 0
    before = (tmp_path / NAME).stat().st_ino
    assert app(COMMITTED, "--ios", tmp_path) == 0
    assert (tmp_path / NAME).stat().st_ino == before
    assert app(COMMITTED, "--ios", tmp_path, "--target", "mlmodel-int8", "--target", "mlpackage-fp16") == 0
    said = capsys.readouterr().out
    assert [word for word in said.split() if word in ("copied", "unchanged", "replaced")] == [
        "copied",
        "unchanged",
        "replaced",
    ]
    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == [
        "manifest.json",
        f"{NAME}-fp16.mlpackage",
        f"{NAME}-int8.mlmodel",
    ]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_damaged_bundle_reaches_no_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / NAME
    shutil.copytree(COMMITTED, damaged)
    with (damaged / f"{NAME}-int8.mlmodel").open("r+b") as file:
        file.seek(100)
        file.write(b"?")
    assert app(OTHER, damaged, "--ios", tmp_path / "app") == 1
    assert f"{NAME}-int8.mlmodel has changed" in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def put_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def change_model(folder: Path) -> None:
    (folder / f"{NAME}-int8.mlpackage/Manifest.json").write_text("mine")


def change_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")


def be_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("mine")


def be_a_link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize("spoil", [put_file, change_model, change_manifest, be_a_file, be_a_link])
def test_what_is_not_its_own_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any) -> None:
    assert app(COMMITTED, "--ios", tmp_path) == 0
    spoil(tmp_path / NAME)
    before = listing(tmp_path)
    assert app(COMMITTED, OTHER, "--ios", tmp_path) == 2
    said = capsys.readouterr().err
    assert "left alone" in said
    assert len(said.splitlines()) <= 2
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([COMMITTED], "no app is named"),
        ([COMMITTED, COMMITTED, "--ios", "app"], f"two bundles are called '{NAME}'"),
        ([COMMITTED, "--ios", "app", "--target", "mlpackage-in8"], "did you mean 'mlpackage-int8'?"),
        ([COMMITTED, "--ios", "app", "--target", "mlpackage-joint"], "has no mlpackage-joint"),
        ([COMMITTED, "--ios", "app", "--target", "tflite-fp16"], "no file 'tflite-fp16' for ios"),
        (["no such folder", "--ios", "app"], "is not a bundle"),
    ],
)
def test_wrong_use_is_told_and_nothing_written(
    words: list[object],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app(*words) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app").write_text("a file")
    assert app(COMMITTED, "--ios", tmp_path / "app") == 2
    assert "cannot write" in capsys.readouterr().err
