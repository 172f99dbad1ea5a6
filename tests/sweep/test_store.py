"""Folders of jobs at a URL: what lies there while a job is at work, and when it has ended."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.base.files import written_aside
from export_pipeline.errors import CheckFailed, StoreError, UsageError
from export_pipeline.sweep import store as storing
from tests.sweep.nodes import needs

pytestmark = needs("fsspec")
try:
    from fsspec.implementations.local import LocalFileSystem
except ModuleNotFoundError:
    LocalFileSystem = object  # of tests that are skipped then, or fail


def there(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def wait_for(folder: Path, wanted: dict[str, str]) -> None:
    deadline = time.monotonic() + 20
    while (found := there(folder) if folder.exists() else {}) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


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
        wait_for(tmp_path / "there", {"point-1/step-1": "1"})
        write(here / "step-2", "2")
        (here / "step-1").unlink()
        wait_for(tmp_path / "there", {"point-1/step-2": "2"})


class Recorded:
    """A file system that notes what is put where."""

    protocol = ("recorded",)

    def __init__(self) -> None:
        self.put: list[str] = []

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


def test_no_bucket_is_made_of_a_mistyped_name(tmp_path: Path) -> None:
    class Objects(Recorded):
        protocol = ("s3", "s3a")

        def makedirs(self, *_: Any, **__: Any) -> None:
            raise AssertionError("s3fs would make a bucket")

        def pipe_file(self, path: str, _: bytes) -> None:
            raise FileNotFoundError("The specified bucket does not exist")

    store = storing.Store(tmp_path.as_uri())
    store._fs = fs = Objects()
    with pytest.raises(UsageError, match="cannot be written: FileNotFoundError: The specified bucket does not exist"):
        store.check()
    write(tmp_path / "a", "a")
    storing._Mirror(fs, "bucket/x", tmp_path).follow(time.time())
    assert fs.put == ["bucket/x/a"]


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


class Away(LocalFileSystem):
    """Files of this machine, which cannot be reached for the next *times* times, and notes what it was asked for."""

    cachable = False

    def __init__(self, times: int = 0) -> None:
        super().__init__()
        self.times, self.asked = times, list[str]()

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.times:
            self.times -= 1
            raise ConnectionError("it went away")

    def find(self, path: str, *others: Any, **more: Any) -> Any:
        self._ask(f"find {Path(path).name}")
        return super().find(path, *others, **more)

    def put_file(self, *given: Any, **more: Any) -> None:
        self._ask("put")
        super().put_file(*given, **more)

    def get_file(self, *given: Any, **more: Any) -> None:
        self._ask("get")
        super().get_file(*given, **more)


def store_of(fs: Away, folder: Path, waits: tuple[float, ...] = (0.0, 0.0)) -> storing.Store:
    store = storing.Store(folder.as_uri(), waits)
    store._fs = fs
    return store


def test_a_store_that_is_away_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    fs = Away()
    store = store_of(fs, tmp_path / "there")
    with store.filled("point-1", tmp_path / "here"):
        write(tmp_path / "here" / "result.json", "whole")
        fs.times = 2
    assert there(tmp_path / "there") == {"point-1/result.json": "whole"}
    fs.times = 2
    store.fetch("point-1", tmp_path / "back")
    assert there(tmp_path / "back") == {"result.json": "whole"}


def test_a_store_that_stays_away_is_told_in_one_line_and_what_failed_before_it_first(tmp_path: Path) -> None:
    store = store_of(Away(1000), tmp_path / "there")
    url = re.escape((tmp_path / "there").as_uri())
    words = rf"^--store {url} cannot be used: ConnectionError: it went away\. When it can, the same command goes on$"
    with pytest.raises(StoreError, match=words):
        store.fetch("point-1", tmp_path / "here")

    def fill(error: Exception | None) -> None:
        with store.filled("point-1", tmp_path / "here"):
            write(tmp_path / "here" / "result.json", "whole")
            if error:
                raise error

    with pytest.raises(StoreError, match=words):
        fill(None)
    with pytest.raises(CheckFailed, match="the bytes"):
        fill(CheckFailed("the bytes"))
    assert not (tmp_path / "there" / "point-1" / "result.json").exists()


def test_what_follows_goes_on_when_the_store_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(storing, "EVERY_SECONDS", 0.02)
    store = store_of(Away(3), tmp_path / "there")
    with store.filled("point-1", tmp_path / "here"):
        write(tmp_path / "here" / "step-1", "1", 1)
        wait_for(tmp_path / "there", {"point-1/step-1": "1"})
    assert capsys.readouterr().err.count("it went away; trying on") == 1


def test_half_an_upload_is_no_file_and_does_not_stop_the_next(tmp_path: Path) -> None:
    class Killed(Away):
        def mv(self, *_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

    write(tmp_path / "here" / "result.json", "whole")
    for fs in (Killed(), Killed()):
        with pytest.raises(KeyboardInterrupt):
            store_of(fs, tmp_path / "there").leave("point-1", tmp_path / "here")
    parts = list((tmp_path / "there").rglob("*.part"))
    assert len(parts) == 2  # each by a name of its own: two that are at one file do not write into each other's
    store = store_of(Away(), tmp_path / "there")
    store.fetch("point-1", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    store.leave("point-1", tmp_path / "here")
    store.fetch("point-1", tmp_path / "back")
    assert there(tmp_path / "back") == {"result.json": "whole"}


def test_a_job_costs_one_listing_of_its_own_folder_and_what_came_from_there_does_not_go_back(tmp_path: Path) -> None:
    store = store_of(Away(), tmp_path / "there")
    for name in ("point-1", "point-2"):  # of one sweep, or of another recipe's
        write(tmp_path / "here" / name / "step-1", name)
        store.leave(name, tmp_path / "here" / name)
    fs = Away()
    store = store_of(fs, tmp_path / "there")
    store.fetch("point-1", tmp_path / "scratch")
    with store.filled("point-1", tmp_path / "scratch"):
        write(tmp_path / "scratch" / "step-2", "new")
    assert fs.asked == ["find point-1", "get", "put"]
    assert there(tmp_path / "there") == {
        "point-1/step-1": "point-1",
        "point-1/step-2": "new",
        "point-2/step-1": "point-2",
    }


def test_what_is_whole_there_is_not_left_again(tmp_path: Path) -> None:
    fs = Away()
    store = store_of(fs, tmp_path / "there")
    write(tmp_path / "here" / "done", "x")
    store.leave("train-1", tmp_path / "here")
    store.leave("train-1", tmp_path / "here")
    assert fs.asked == ["find train-1", "put", "find train-1"]


def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    store = storing.Store((tmp_path / "file" / "folder").as_uri())
    with pytest.raises(UsageError, match=r"cannot be written: NotADirectoryError: Not a directory\. Name a place that"):
        store.check()
    storing.Store((tmp_path / "new").as_uri()).check()
    assert there(tmp_path / "new") == {}
