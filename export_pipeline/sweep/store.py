"""Folders of jobs at a URL, for nodes that share no folder: any that fsspec reads and writes, such as ``s3://``.

A job begins with what lies there, and leaves there what it makes, file by file in the order in which they were made:
so that at any moment there lies what a process that was killed here would have left.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export_pipeline.base.files import LOCK, PART, files_of, written_aside
from export_pipeline.errors import UsageError
from export_pipeline.sweep.jobs import DONE, Job, run_job
from export_pipeline.sweep.point import RESULT

STORE = "--store"
EVERY_SECONDS = 2.0
ENDS = (RESULT, DONE)  # what says that all the rest is there
NEEDS = "--store needs fsspec, which is not installed; pip install 'fsspec>=2024.6', or the extra [ray], brings it."


class Store:
    """The folder at *url* with a folder for each job.

    Raises:
        UsageError: fsspec is missing, or what it needs for such a URL, or it is no place that several machines reach.
    """

    def __init__(self, url: str):
        try:
            from fsspec.core import url_to_fs
        except ModuleNotFoundError as error:
            raise UsageError(NEEDS) from error
        try:
            found = url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(f"--store {url} cannot be opened: {error}") from error
        self._fs: Any = found[0]
        self._root: str = found[1].rstrip("/")
        if "memory" in self._fs.protocol:
            raise UsageError(f"--store {url} lies in the memory of one process; name a place that all nodes reach")

    def fetch(self, name: str, folder: Path) -> None:
        """Bring all files of the folder *name* to *folder*, the last of them what says that it is whole."""
        base = f"{self._root}/{name}"
        if not self._fs.exists(base):
            return
        names = [path[len(base) + 1 :] for path in self._fs.find(base) if not path.endswith(PART)]
        for file in sorted(names, key=lambda name: name in ENDS):
            with written_aside(folder / file) as aside:
                self._fs.get_file(f"{base}/{file}", str(aside))

    @contextlib.contextmanager
    def filled(self, name: str, folder: Path) -> Iterator[None]:
        """Bring what the block makes in *folder* to the folder *name* while it runs, and the rest when it ends."""
        mirror, ended = _Mirror(self._fs, f"{self._root}/{name}", folder), threading.Event()

        def follow() -> None:
            while not ended.wait(EVERY_SECONDS):
                mirror.follow(time.time() - 0.05)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            mirror.follow(float("inf"))


class _Mirror:
    """A folder here, and the same at a URL."""

    def __init__(self, fs: Any, base: str, folder: Path) -> None:
        self._fs, self._base, self._folder = fs, base, folder
        self._there: dict[str, tuple[int, int]] = {}

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
        there = f"{self._base}/{name}"
        with contextlib.suppress(FileNotFoundError):  # an old checkpoint, which has been deleted since
            self._fs.makedirs(there.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(self._folder / name), f"{there}{PART}")
            self._fs.mv(f"{there}{PART}", there)


def run_stored(job: Job, store: Store, scratch: Path) -> None:
    """Do *job* in *scratch*, a folder of this machine, with what lies in *store* of it and of what it begins with."""
    here = job.model_copy(update={"folder": scratch / job.folder.name, "after": job.after and scratch / job.after.name})
    for folder in filter(None, (here.after, here.folder)):
        store.fetch(folder.name, folder)
    with store.filled(here.folder.name, here.folder):
        run_job(here)
