"""The process of its own in which Apple's library runs: started, asked, timed, and its end told in one line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.coreai import library, wire

# What a file of this project's largest network takes, many times over.
SECONDS = 600.0


class Process:
    """One worker. A library that crashes or hangs ends it, not the program that asked.

    Raises:
        ModelError: the library is not there, from the start; it crashed or took too long, from :meth:`ask`.
    """

    def __init__(self, threads: int | None = None) -> None:
        if reason := library.missing():
            raise ModelError(reason)
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        root = str(Path(__file__).parents[3])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "export_pipeline.formats.coreai.worker", str(threads or 0)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, "PYTHONPATH": path},
        )

    def ask(self, message: dict[str, Any], arrays: Sequence[np.ndarray] = (), seconds: float = SECONDS) -> wire.Message:
        """Send *message* and *arrays*, and give the answer.

        Raises:
            ModelError: the worker ended, took more than *seconds*, or told of an error.
        """
        late = threading.Event()
        timer = threading.Timer(seconds, self._end, (late,))
        timer.start()
        try:
            answer = self._exchange(message, arrays)
        finally:
            timer.cancel()
        if late.is_set():
            raise ModelError(f"Core AI took more than {seconds:g} seconds and was ended")
        if answer is None:
            raise ModelError(f"Core AI ended its process ({self._last_words()})")
        if "error" in answer[0]:
            raise ModelError(str(answer[0]["error"])[:600])
        return answer

    def _exchange(self, message: dict[str, Any], arrays: Sequence[np.ndarray]) -> wire.Message | None:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or self._process.poll() is not None:
            return None
        try:
            wire.send(stdin, message, arrays)  # type: ignore[arg-type]  # a pipe is a binary stream
            return wire.receive(stdout)  # type: ignore[arg-type]
        except (OSError, ValueError, KeyError, TypeError):
            return None  # the process is gone, or is no longer itself

    def _end(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.poll()
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read()[-4000:].decode(errors="replace").splitlines()]
        told = [line for line in lines if "atal error" in line or "error:" in line or "what()" in line]
        name = signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"
        return f"{name}: {told[0][:300]}" if told else name

    def close(self) -> None:
        """End the worker."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()
