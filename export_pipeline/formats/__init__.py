"""One door to every model format: ``open_model(path)`` gives a Runtime that runs it on this machine."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from export_pipeline.errors import ModelError, UsageError
from export_pipeline.formats.format import Conversion, Format, Kernel, WrittenFormat
from export_pipeline.formats.interface import Interface
from export_pipeline.formats.runtime import Runtime, reading
from export_pipeline.formats.values import resize_to
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis

# The package of each format and the suffixes of its files; each is imported when a file of it is met.
PACKAGES: dict[str, tuple[str, ...]] = {
    "coreai": (".aimodel",),
    "coreml": (".mlmodel", ".mlpackage"),
    "keras": (".keras",),
    "onnx": (".onnx",),
    "tflite": (".tflite",),
}
_PACKAGE_OF = {suffix: package for package, suffixes in PACKAGES.items() for suffix in suffixes}
SUFFIXES = tuple(sorted(_PACKAGE_OF))

__all__ = [
    "PACKAGES",
    "SUFFIXES",
    "Conversion",
    "Format",
    "Interface",
    "Kernel",
    "Runtime",
    "WrittenFormat",
    "check_there",
    "contents_of",
    "diagnosis_of",
    "format_of",
    "interface_of",
    "open_model",
    "resize_to",
]


def format_of(path: Path | str, others: Sequence[str] = ()) -> Format:
    """The format of a file, which its suffix says; the file need not be there.

    Raises:
        ModelError: the suffix is unknown. It names *others* beside :data:`SUFFIXES`, which the caller reads itself.
    """
    path = Path(path)
    if path.suffix not in _PACKAGE_OF:
        raise ModelError(_of_no_format(path, others))
    found: Format = importlib.import_module(f"{__name__}.{_PACKAGE_OF[path.suffix]}").FORMAT
    return found


def open_model(
    path: Path | str, threads: int | None = None, function: str | None = None, compute: str | None = None
) -> Runtime:
    """Open a model file with the runtime of its format.

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
    kind = format_of(path)
    check_there(path)
    chosen = {name: value for name, value in (("function", function), ("compute", compute)) if value is not None}
    for name in chosen:
        if name not in kind.options:
            raise UsageError(f"{name} is for {', '.join(_that_take(name))} files; leave it out for {path}")
    return kind.runtime(path, threads, **chosen)


def interface_of(path: Path | str) -> Interface:
    """What a model file tells about how to call it. A Core ML file need not be one that runs here.

    Raises:
        ModelError: as :func:`open_model`.
        EmulatorError: a Core ML file cannot be read.
    """
    kind = format_of(path)
    check_there(Path(path))
    with reading(Path(path), _whole(path)):
        return kind.interface(Path(path))


def contents_of(path: Path | str, height: int | None = None, width: int | None = None) -> Contents:
    """Parameters, sparsity, work and operations of a model file, read back from the file itself.

    Args:
        path: a file with one of :data:`SUFFIXES`.
        height, width: image size for the multiply-accumulates of a file that takes any size.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file cannot be read.
    """
    kind = format_of(path)
    check_there(Path(path))
    with reading(Path(path), _whole(path)):
        return kind.contents(Path(path), height, width)


def diagnosis_of(path: Path | str, contents: Contents) -> Diagnosis:
    """How a model file will fare on an accelerator, and whether it is what its name says, read from the file itself.

    Args:
        path: a file with one of :data:`SUFFIXES`.
        contents: what :func:`contents_of` told of it.

    Raises:
        ModelError, EmulatorError: as :func:`contents_of`.
    """
    kind = format_of(path)
    check_there(Path(path))
    with reading(Path(path), _whole(path)):
        return kind.diagnosis(Path(path), contents)


def check_there(path: Path) -> None:
    """Refuse a path that is missing, or a folder where a file belongs, or the other way round.

    Raises:
        ModelError: always one line with the path.
    """
    if not path.exists():
        raise ModelError(f"no model at {path}. Give the path of a {', '.join(SUFFIXES)} file.")
    if path.is_dir() == (path.suffix in format_of(path).folders):
        return
    found, wanted = ("folder", "file") if path.is_dir() else ("file", "folder")
    raise ModelError(f"{path} is a {found}; a model with the suffix {path.suffix} is a {wanted}. Name a {wanted}.")


def _whole(path: Path | str) -> str:
    return f"a whole {Path(path).suffix} model"


def _that_take(option: str) -> list[str]:
    """Suffixes of the formats that :func:`open_model` takes *option* for."""
    return [suffix for suffix in SUFFIXES if option in format_of(f"any{suffix}").options]


def _of_no_format(path: Path, others: Sequence[str]) -> str:
    if (path / "manifest.json").is_file():
        held = sorted(file.name for file in path.iterdir() if file.suffix in SUFFIXES)
        return f"{path} is a bundle, not a model; name one of its model files: {', '.join(held) or 'it has none'}"
    found = f"an unknown suffix {path.suffix!r}" if path.suffix else "no suffix"
    return f"{path} has {found}; allowed: {', '.join(sorted([*SUFFIXES, *others]))}"
