"""``verify`` of a bundle; of a recipe it is tested with the pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from export_pipeline.base.files import files_of
from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from tests.builds import COMMITTED


def test_verify_passes_the_committed_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(COMMITTED), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in rows] == ["passed"] * len(Bundle.open(COMMITTED).manifest.models)


@pytest.mark.parametrize("file", [path.relative_to(COMMITTED).as_posix() for path in files_of(COMMITTED)])
def test_verify_fails_when_a_byte_of_any_file_flips(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    target = tmp_path / "bundle" / file
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    assert main(["verify", str(tmp_path / "bundle")]) == 1
    assert file in capsys.readouterr().err


def test_verify_of_a_folder_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "not a bundle" in capsys.readouterr().err
