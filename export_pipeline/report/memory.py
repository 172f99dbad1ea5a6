"""How much memory a fresh process takes that imports the library, loads a file and runs it once.

What the library alone takes is told beside the peak: TensorFlow and coremltools take far more than a small
network does, and a phone has neither.
"""

from __future__ import annotations

from pathlib import Path

from export_pipeline.errors import ModelError
from export_pipeline.report.model import MemoryResult
from export_pipeline.report.worker import ask


def peak_memory(path: Path | str, size: tuple[int, int]) -> MemoryResult:
    """Peak memory of one file; *size* is the height and width for one that takes any.

    Raises:
        ModelError: the file cannot be opened or run.
    """
    answer = ask({"task": "memory", "paths": [str(path)], "height": size[0], "width": size[1]})
    if "error" in answer:
        raise ModelError(answer["error"])
    return MemoryResult(
        file=Path(path).name,
        runtime=answer["runtime"],
        peak_bytes=answer["peak"],
        imported_bytes=answer["imported"],
    )
