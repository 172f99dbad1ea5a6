"""Folders of jobs at a URL: what lies there while a job is at work, and when it has ended."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.base.files import written_aside
from export_pipeline.errors import UsageError
from export_pipeline.sweep import store as storing

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("fsspec") is None, reason="fsspec is not installed; the extra [ray] brings it"
)


def there(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(path: Path, text: str, age: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - age, time.time() - age))


def test_a_folder_goes_there_and_comes_back(tmp_path: Path) -> None:
    store, here = storing.Store((tmp_path / "there").as_uri()), tmp_path / "here"
    with store.filled("point-1", here):
        write(here / "export" / "a.onnx", "a")
        write(here / ".lock", "")
        write(here / ".b.12345678.part" / "b", "half")
        write(here / "result.json", "whole")
    assert there(tmp_path / "there") == {"point-1/export/a.onnx": "a", "point-1/result.json": "whole"}
    store.fetch("point-1", tmp_path / "back")
    assert there(tmp_path / "back") == {"export/a.onnx": "a", "result.json": "whole"}
    store.fetch("point-2", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_is_written_is_there_before_the_job_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "EVERY_SECONDS", 0.05)
    store, here = storing.Store((tmp_path / "there").as_uri()), tmp_path / "here"
    with store.filled("point-1", here):
        write(here / "step-1", "1")
        while there(tmp_path / "there") != {"point-1/step-1": "1"}:
            time.sleep(0.01)
        write(here / "step-2", "2")
        (here / "step-1").unlink()
        while there(tmp_path / "there") != {"point-1/step-2": "2"}:
            time.sleep(0.01)


class Recorded:
    """A file system that notes what is put where; it ends every move with the one that is asked for."""

    protocol = ("recorded",)

    def __init__(self, fail_after: int = 1000) -> None:
        self.put: list[str] = []
        self._left = fail_after

    def makedirs(self, *_: Any, **__: Any) -> None:
        pass

    def put_file(self, path: str, _: str) -> None:
        assert Path(path).is_file()

    def mv(self, _: str, path: str) -> None:
        self.put.append(path)

    def rm_file(self, path: str) -> None:
        self.put.append(f"-{path}")


def test_files_go_in_the_order_in_which_they_were_made_and_what_ends_a_job_last(tmp_path: Path) -> None:
    fs = Recorded()
    mirror = storing._Mirror(fs, "x", tmp_path)
    for name, age in (("b", 5), ("a", 3), ("c", 4), ("result.json", 9)):
        write(tmp_path / name, name, age)
    mirror.follow(time.time() - 3.5)  # as if the rest had been written while it looked
    assert fs.put == ["x/b", "x/c", "x/result.json"]
    (tmp_path / "b").unlink()
    mirror.follow(time.time())
    assert fs.put[3:] == ["x/a", "-x/b"]


def test_a_file_that_comes_while_its_folder_is_renamed_is_whole(tmp_path: Path) -> None:
    fs = Recorded()
    with written_aside(tmp_path / "made") as aside:
        write(aside / "file", "1")
        storing._Mirror(fs, "x", tmp_path).follow(time.time())
    assert fs.put == []
    storing._Mirror(fs, "x", tmp_path).follow(time.time() + 1)
    assert fs.put == ["x/made/file"]


@pytest.mark.parametrize(
    ("url", "why"),
    [("memory://a", "lies in the memory of one process"), ("nothing://a", "cannot be opened: Protocol not known")],
)
def test_a_place_that_nodes_do_not_reach_is_refused(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        storing.Store(url)
