"""One door to every model format: ``open_model(path)`` gives a Runtime that runs it on this machine."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.errors import ModelError, UsageError, near
from export_pipeline.runtimes.base import Port, Runtime, resize_to

SUFFIXES = (".keras", ".mlmodel", ".mlpackage", ".onnx", ".tflite")

__all__ = ["SUFFIXES", "Port", "Runtime", "open_model", "resize_to", "runtime_class"]


def open_model(path: Path | str, threads: int | None = None) -> Runtime:
    """Open a model file with the runtime of its format, which the suffix says.

    Args:
        path: a file or folder with one of :data:`SUFFIXES`.
        threads: of the computation, 1 or more; ``None`` takes all.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file uses what the emulator does not run.
        UsageError: *threads* is below 1.
    """
    path = Path(path)
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}; it must be 1 or more")
    kind = runtime_class(path)
    check_there(path)
    return kind(path, threads)  # type: ignore[call-arg]


def check_there(path: Path) -> None:
    """Refuse a path that is missing, or a folder where a file belongs, or the other way round.

    Raises:
        ModelError: always one line with the path.
    """
    if not path.exists():
        raise ModelError(f"no model at {path}. Give the path of a {', '.join(SUFFIXES)} file.")
    if path.is_dir() != (path.suffix == ".mlpackage"):
        raise ModelError(
            f"{path} is a {'folder' if path.is_dir() else 'file'}; an .mlpackage is a folder, others are files"
        )


def runtime_class(path: Path) -> type[Runtime]:
    """The runtime for a file's suffix; its library is not loaded yet.

    Raises:
        ModelError: the suffix is unknown.
    """
    from export_pipeline.runtimes.coreml import CoreMLRuntime
    from export_pipeline.runtimes.keras import KerasRuntime
    from export_pipeline.runtimes.litert import LiteRTRuntime
    from export_pipeline.runtimes.onnx import OnnxRuntime

    table: dict[str, type[Runtime]] = {
        ".keras": KerasRuntime,
        ".mlmodel": CoreMLRuntime,
        ".mlpackage": CoreMLRuntime,
        ".onnx": OnnxRuntime,
        ".tflite": LiteRTRuntime,
    }
    if path.suffix not in table:
        raise ModelError(f"{path} has an unknown suffix {path.suffix!r}; {near(path.suffix, SUFFIXES)}")
    return table[path.suffix]
