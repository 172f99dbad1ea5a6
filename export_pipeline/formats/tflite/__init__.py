"""TFLite (``.tflite``): arrays in and out, in the layout of the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import final

from export_pipeline.formats.format import Conversion, Kernel, WrittenFormat
from export_pipeline.formats.interface import Interface
from export_pipeline.formats.tflite import runtime
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis
from export_pipeline.records.signature import Signature
from export_pipeline.targets import Target


@final
class TFLite(WrittenFormat):
    """Run by LiteRT, written by TensorFlow's converter and changed afterwards."""

    suffixes = (".tflite",)
    libraries = ("ai-edge-litert", "numpy", "tensorflow", "tf_keras")

    @property
    def runtime(self) -> type[runtime.LiteRTRuntime]:  # noqa: D102  as Format says, here and below
        return runtime.LiteRTRuntime

    def missing(self) -> str:  # noqa: D102
        if importlib.util.find_spec("ai_edge_litert") is not None:
            return ""
        return "ai-edge-litert is not installed; it is part of the extra [all]"

    def interface(self, path: Path) -> Interface:  # noqa: D102
        return self.runtime(path, threads=1, run=False).interface

    def contents(self, path: Path, height: int | None, width: int | None) -> Contents:  # noqa: D102
        from export_pipeline.formats.tflite import contents

        return contents.read(path)

    def diagnosis(self, path: Path, contents: Contents) -> Diagnosis:  # noqa: D102
        from export_pipeline.formats.tflite import diagnosis

        return diagnosis.read(path, contents)

    def signature(self, network: Signature, target: Target) -> Signature:  # noqa: D102
        from export_pipeline.formats.tflite.write import file_signature

        return file_signature(network, target)

    def write(self, conversion: Conversion, path: Path) -> tuple[str, ...]:  # noqa: D102
        from export_pipeline.formats.tflite import write

        return write.write(conversion, path)

    def kernels(self, path: Path) -> tuple[Kernel, ...]:  # noqa: D102
        from export_pipeline.formats.tflite import write

        return write.kernels(path)


FORMAT = TFLite()
