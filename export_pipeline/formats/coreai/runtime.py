"""``.aimodel`` folders with Apple's Core AI, in a process of its own.

On Linux the library computes operation by operation, without the kernels of Apple's devices: what it gives is what
the program says, and how long it takes says nothing about a phone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.coreai import asset, contents, library
from export_pipeline.formats.coreai.process import SECONDS, Process
from export_pipeline.formats.interface import Interface, described
from export_pipeline.formats.runtime import Runtime, checked_inputs
from export_pipeline.records.signature import Port

# Multiply-accumulates a second that any machine does, with a beta that does not hang.
_LEAST_SPEED = 2e7
_TYPES = ("float16", "float32", "float64", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))


@final
class CoreAIRuntime(Runtime):
    """An ``.aimodel`` folder."""

    name = "Core AI" if sys.platform == "darwin" else "Core AI (reference on Linux)"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path, self.threads = path, threads
        metadata = asset.read_metadata(path)
        self._process = Process(threads)
        program = _told(path, lambda: contents.of_process(self._process, path))
        self.interface = _described(metadata, program)
        self._seconds = SECONDS + (program.work() or 0) / _LEAST_SPEED
        if strange := [port.name for port in (*self.inputs, *self.outputs) if port.dtype not in _TYPES]:
            raise ModelError(
                f"{path} takes or gives {', '.join(strange)}, which is no array: Apple's library takes images on macOS "
                "only. It can be inspected."
            )
        message = {"do": "open", "path": str(path), "function": program.function}
        told, _ = _told(path, lambda: self._process.ask(message))
        self.version = str(told["version"])

    @classmethod
    def load_library(cls) -> None:  # noqa: D102  as Runtime says; its process loads it
        if reason := library.missing():
            raise ModelError(reason)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)
        for port in self.inputs:
            array = inputs[port.name]
            if not port.accepts(array.shape) or array.dtype != np.dtype(port.dtype):
                raise ModelError(
                    f"input {port.name!r} of {self.path.name} takes {port.dtype} {port.allowed()}; "
                    f"got {array.dtype} {array.shape}"
                )
        names = [[port.name for port in side] for side in (self.inputs, self.outputs)]
        message = {"do": "run", "inputs": names[0], "outputs": names[1]}
        try:
            _, arrays = self._process.ask(message, [inputs[name] for name in names[0]], self._seconds)
        except ModelError as error:
            raise ModelError(f"{self.name} cannot run {self.path.name}: {error}") from error
        return dict(zip(names[1], arrays, strict=True))


def interface(path: Path) -> Interface:
    """What a file takes and gives; it is read, not compiled."""
    metadata = asset.read_metadata(path)
    with Process() as process:
        return _described(metadata, _told(path, lambda: contents.of_process(process, path)))


def _described(metadata: dict[str, str], program: contents.Program) -> Interface:
    return described(metadata, [_port(each) for each in program.inputs], [_port(each) for each in program.outputs])


def _port(told: dict[str, Any]) -> Port:
    return Port(name=told["name"], shape=tuple(told["shape"]), dtype=told["dtype"])


def _told(path: Path, call: Any) -> Any:
    """What *call* gives; an error of the library is one of the file at *path*."""
    try:
        return call()
    except ModelError as error:
        if library.missing():
            raise
        raise ModelError(f"{path} is damaged or not a Core AI model that runs here ({error}).") from error
