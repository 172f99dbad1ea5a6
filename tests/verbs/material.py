"""What the tests of verbs share: the committed bundle's files, damaged ones, and how bad input ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export_pipeline.base.files import files_of
from export_pipeline.cli import main
from tests.builds import COMMITTED

MODELS = sorted(path for path in COMMITTED.iterdir() if path.suffix in (".mlpackage", ".mlmodel", ".tflite", ".onnx"))
PHOTO = COMMITTED / "golden" / "photo.png"


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that must end as bad input does."""
    assert main(arguments) == 2, arguments
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert "fault of ours" not in message
    assert len(message.splitlines()) <= 2, message
    return message


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def bad_files(folder: Path, suffix: str) -> list[Path]:
    """A foreign file, and half of one where the bundle has one."""
    foreign = folder / f"foreign{suffix}"
    foreign.write_bytes(b"this is not a model" * 100)
    bad = [foreign]
    for whole in [path for path in MODELS if path.suffix == suffix][:1]:
        bad.append(Path(shutil.copy(whole, folder / f"truncated{suffix}")))
        cut_in_half(bad[-1])
    return bad


def bad_packages(folder: Path) -> list[Path]:
    """An empty package, a file in its place, and packages with parts that are cut or missing."""
    empty, file = folder / "empty.mlpackage", folder / "file.mlpackage"
    empty.mkdir()
    file.write_bytes(b"this is not a model")
    bad = [empty, file]
    for whole in [path for path in MODELS if path.suffix == ".mlpackage"]:
        for part in files_of(whole):
            for damage in (cut_in_half, Path.unlink):
                bad.append(folder / f"{damage.__name__}-{part.stem}-{whole.name}")
                shutil.copytree(whole, bad[-1])
                damage(bad[-1] / part.relative_to(whole))
    return bad
