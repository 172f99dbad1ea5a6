"""What is inside a model file, read back from the file itself: one reader for each format."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.formats import check_there, runtime_class
from export_pipeline.records.contents import Contents

__all__ = ["contents_of"]


def contents_of(path: Path | str, height: int | None = None, width: int | None = None) -> Contents:
    """Parameters, sparsity, work and operations of a model file.

    Args:
        path: a file with one of the suffixes of ``runtimes``.
        height, width: image size for the multiply-accumulates of a file that takes any size.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file cannot be read.
    """
    path = Path(path)
    runtime_class(path)  # refuses unknown suffixes
    check_there(path)
    if path.suffix == ".tflite":
        from export_pipeline.formats.tflite import contents as tflite

        return tflite.read(path)
    if path.suffix == ".onnx":
        from export_pipeline.formats.onnx import contents as onnx

        return onnx.read(path)
    if path.suffix == ".keras":
        from export_pipeline.formats.keras import contents as keras

        return keras.read(path, height, width)
    from export_pipeline.formats.coreml import contents as coreml

    return coreml.read(path)
