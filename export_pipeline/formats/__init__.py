"""One door to every model format: ``open_model(path)`` gives a Runtime that runs it on this machine."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.errors import ModelError, UsageError
from export_pipeline.formats.runtime import Interface, Port, Runtime, resize_to

SUFFIXES = (".keras", ".mlmodel", ".mlpackage", ".onnx", ".tflite")

CORE_ML = (".mlmodel", ".mlpackage")

__all__ = ["SUFFIXES", "Interface", "Port", "Runtime", "interface_of", "open_model", "resize_to", "runtime_class"]


def open_model(
    path: Path | str, threads: int | None = None, function: str | None = None, compute: str | None = None
) -> Runtime:
    """Open a model file with the runtime of its format, which the suffix says.

    Args:
        path: a file or folder with one of :data:`SUFFIXES`.
        threads: of the computation, 1 or more; ``None`` takes all.
        function: of a Core ML program with several; ``None`` takes its own default.
        compute: how the emulator computes, see ``emulator.CoreMLModel``; ``None`` takes its default.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file uses what the emulator does not run.
        UsageError: *threads* is below 1, or *function* or *compute* is given for a file of another format.
    """
    path = Path(path)
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}; it must be 1 or more")
    kind = runtime_class(path)
    check_there(path)
    chosen = {name: value for name, value in (("function", function), ("compute", compute)) if value is not None}
    if chosen and path.suffix not in CORE_ML:
        raise UsageError(f"{next(iter(chosen))} is for Core ML files ({', '.join(CORE_ML)}); leave it out for {path}")
    return kind(path, threads, **chosen)  # type: ignore[call-arg]


def interface_of(path: Path | str) -> Interface:
    """What a model file tells about how to call it. A Core ML file need not be one that runs here.

    Raises:
        ModelError: as :func:`open_model`.
        EmulatorError: a Core ML file cannot be read.
    """
    path = Path(path)
    runtime_class(path)  # refuses unknown suffixes
    check_there(path)
    if path.suffix in CORE_ML:
        from export_pipeline.formats.coreml.runtime import interface

        return interface(path)
    runtime = open_model(path)
    return Interface(runtime.metadata, runtime.inputs, runtime.outputs)


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
    from export_pipeline.formats.coreml.runtime import CoreMLRuntime
    from export_pipeline.formats.keras.runtime import KerasRuntime
    from export_pipeline.formats.onnx.runtime import OnnxRuntime
    from export_pipeline.formats.tflite.runtime import LiteRTRuntime

    table: dict[str, type[Runtime]] = {
        ".keras": KerasRuntime,
        ".mlmodel": CoreMLRuntime,
        ".mlpackage": CoreMLRuntime,
        ".onnx": OnnxRuntime,
        ".tflite": LiteRTRuntime,
    }
    if path.suffix not in table:
        raise ModelError(_of_no_runtime(path))
    return table[path.suffix]


def _of_no_runtime(path: Path) -> str:
    if (path / "manifest.json").is_file():
        held = sorted(file.name for file in path.iterdir() if file.suffix in SUFFIXES)
        return f"{path} is a bundle, not a model; name one of its model files: {', '.join(held) or 'it has none'}"
    found = f"an unknown suffix {path.suffix!r}" if path.suffix else "no suffix"
    return f"{path} has {found}; allowed: {', '.join(SUFFIXES)}"
