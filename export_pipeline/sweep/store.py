"""Folders of jobs at a URL, for nodes that share no folder: any that fsspec reads and writes, such as ``s3://``.

A job begins with what lies there, and leaves there what it makes, file by file in the order in which they were made:
so that at any moment there lies what a process that was killed here would have left.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from export_pipeline.base.files import LOCK, PART, files_of, written_aside
from export_pipeline.errors import PipelineError, StoreError, UsageError
from export_pipeline.sweep.jobs import DONE, Job, run_job
from export_pipeline.sweep.point import RESULT

STORE = "--store"
EVERY_SECONDS = 2.0
WAITS = (1.0, 4.0, 15.0)  # seconds before what has failed is tried again
OBJECTS = {"s3", "s3a", "gs", "gcs"}  # protocols without folders: asked for one, s3fs would make a bucket
ENDS = (RESULT, DONE)  # what says that all the rest is there
NEEDS = "--store needs fsspec, which is not installed; pip install 'fsspec>=2024.6', or the extra [ray], brings it."
T = TypeVar("T")


class Store:
    """The folder at *url* with a folder for each job.

    Several sweeps may have one: a folder goes by a hash of all that determines what lies in it.

    Args:
        url: as fsspec takes it.
        waits: seconds before each further try of what has failed.

    Raises:
        UsageError: fsspec is missing, or what it needs for such a URL, or it is no place that several machines reach.
    """

    def __init__(self, url: str, waits: Sequence[float] = WAITS):
        try:
            from fsspec.core import url_to_fs
        except ModuleNotFoundError as error:
            raise UsageError(NEEDS) from error
        try:
            found = url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(f"--store {url} cannot be opened: {error}") from error
        self._url, self._waits = url, waits
        self._fs: Any = found[0]
        self._root: str = found[1].rstrip("/")
        if "memory" in self._fs.protocol:
            raise UsageError(f"--store {url} lies in the memory of one process; name a place that all nodes reach")

    def check(self) -> None:
        """Write a file there, and take it away.

        Raises:
            UsageError: that is not possible.
        """
        path = f"{self._root}/{uuid.uuid4().hex}{PART}"
        try:
            _make_folder(self._fs, self._root)
            self._fs.pipe_file(path, b"it can be written")
            self._fs.rm_file(path)
        except Exception as error:  # each file system has errors of its own
            raise UsageError(
                f"--store {self._url} cannot be written: {_in_words(error)}. Name a place that this machine and all "
                "nodes may write to."
            ) from error

    def fetch(self, name: str, folder: Path) -> None:
        """Bring all files of the folder *name* to *folder*, the last of them what says that it is whole.

        Raises:
            StoreError: it cannot be read, and not a while later either.
        """
        base = f"{self._root}/{name}"
        for file in self._tried(lambda: self._files(base)):
            # An old checkpoint may have been taken away since by who is at work on it.
            with contextlib.suppress(FileNotFoundError), written_aside(folder / file) as aside:
                self._tried(functools.partial(self._fs.get_file, f"{base}/{file}", str(aside)))

    def leave(self, name: str, folder: Path) -> None:
        """Bring what lies in *folder* to the folder *name*, if that is not whole.

        Raises:
            StoreError: it cannot be written, and not a while later either.
        """
        base = f"{self._root}/{name}"
        if not set(ENDS) & set(self._tried(lambda: self._files(base))):
            mirror = _Mirror(self._fs, base, folder)
            self._tried(lambda: mirror.follow(float("inf")))

    @contextlib.contextmanager
    def filled(self, name: str, folder: Path) -> Iterator[None]:
        """Bring what the block makes in *folder* to the folder *name* while it runs, and the rest when it ends.

        What lies in *folder* before came from there.

        Raises:
            StoreError: the rest cannot be brought there, and not a while later either.
        """
        mirror, ended = _Mirror(self._fs, f"{self._root}/{name}", folder), threading.Event()
        mirror.nothing_new()

        def follow() -> None:
            complained = False
            while not ended.wait(EVERY_SECONDS):
                try:
                    mirror.follow(time.time() - 0.05)
                except Exception as error:  # the next time, or the end, may find it there again
                    if not complained:
                        print(f"--store {self._url}: {_in_words(error)}; trying on", file=sys.stderr, flush=True)
                    complained = True

        def bring_the_rest() -> None:
            ended.set()
            thread.join()
            self._tried(lambda: mirror.follow(float("inf")))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            with contextlib.suppress(StoreError):  # what went wrong first is what is told
                bring_the_rest()
            raise
        bring_the_rest()

    def _files(self, base: str) -> list[str]:
        """The names of the whole files below *base*, by one listing of it alone."""
        self._fs.invalidate_cache(base)  # others write there
        names = [path[len(base) + 1 :] for path in self._fs.find(base) if not path.endswith(PART)]
        return sorted(names, key=lambda name: name in ENDS)

    def _tried(self, work: Callable[[], T]) -> T:
        """What *work* gives, tried again for a while: networks fail for moments."""
        for wait in (*self._waits, None):
            try:
                return work()
            except (FileNotFoundError, PipelineError):
                raise
            except Exception as error:  # each file system has errors of its own
                if wait is None:
                    raise StoreError(
                        f"--store {self._url} cannot be used: {_in_words(error)}. When it can, the same command goes on"
                    ) from error
                time.sleep(wait)
        raise AssertionError("the last try gives or raises")


class _Mirror:
    """A folder here, and the same at a URL."""

    def __init__(self, fs: Any, base: str, folder: Path) -> None:
        self._fs, self._base, self._folder = fs, base, folder
        self._there: dict[str, tuple[int, int]] = {}
        self._made = set[str]()
        # Another process may be at the same file: one that was given up, or another sweep's.
        self._part = f".{uuid.uuid4().hex[:8]}{PART}"

    def nothing_new(self) -> None:
        """Take what lies here for what lies there."""
        self._there = dict(self._here())

    def follow(self, until: float) -> None:
        """Bring there what was written until then (seconds since 1970), and take away what is gone.

        Of two files the later may have been seen without the earlier. It was written while we looked: it waits.
        """
        found = {name: about for name, about in self._here() if about[1] <= until * 1e9}
        for name, about in sorted(found.items(), key=lambda item: (item[0] in ENDS, item[1][1])):
            if self._there.get(name) != about:
                self._put(name)
                self._there[name] = about
        for name in [name for name in self._there if not (self._folder / name).exists()]:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(f"{self._base}/{name}")
            del self._there[name]

    def _here(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for path in files_of(self._folder):
            name = path.relative_to(self._folder)
            if path.name == LOCK or any(part.endswith(PART) for part in name.parts):
                continue
            with contextlib.suppress(FileNotFoundError):
                about = path.stat()
                yield name.as_posix(), (about.st_size, about.st_mtime_ns)

    def _put(self, name: str) -> None:
        """Put a file there under another name first: not everywhere does one come whole or not at all."""
        there, here = f"{self._base}/{name}", self._folder / name
        parent = there.rpartition("/")[0]
        try:
            if parent not in self._made:
                _make_folder(self._fs, parent)
                self._made.add(parent)
            self._fs.put_file(str(here), f"{there}{self._part}")
            self._fs.mv(f"{there}{self._part}", there)
        except FileNotFoundError as error:
            if here.exists():  # an old checkpoint may have been deleted since; this has not
                self._made.discard(parent)
                raise ConnectionError(f"{there} could not be put there: {error}") from error


def _make_folder(fs: Any, path: str) -> None:
    """Make the folder *path* where files must lie in one."""
    if not OBJECTS & set(fs.protocol):
        fs.makedirs(path, exist_ok=True)


def _in_words(error: Exception) -> str:
    """One line of *error*."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def run_stored(job: Job, store: Store, scratch: Path) -> None:
    """Do *job* in *scratch*, a folder of this machine, with what lies in *store* of it and of what it begins with."""
    here = job.model_copy(update={"folder": scratch / job.folder.name, "after": job.after and scratch / job.after.name})
    for folder in filter(None, (here.after, here.folder)):
        store.fetch(folder.name, folder)
    with store.filled(here.folder.name, here.folder):
        run_job(here)
