"""ONNX (``.onnx``): arrays in and out, in the layout of the network."""

from __future__ import annotations

from pathlib import Path
from typing import final

from export_pipeline.formats.format import Conversion, Kernel, WrittenFormat
from export_pipeline.formats.onnx import runtime
from export_pipeline.records.contents import Contents
from export_pipeline.records.signature import Signature
from export_pipeline.targets import Target


@final
class Onnx(WrittenFormat):
    """Run by ONNX Runtime, written by tf2onnx."""

    suffixes = (".onnx",)
    libraries = ("numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx", "tf_keras")

    @property
    def runtime(self) -> type[runtime.OnnxRuntime]:  # noqa: D102  as Format says, here and below
        return runtime.OnnxRuntime

    def contents(self, path: Path, height: int | None, width: int | None) -> Contents:  # noqa: D102
        from export_pipeline.formats.onnx import contents

        return contents.read(path)

    def signature(self, network: Signature, target: Target) -> Signature:  # noqa: D102
        return network

    def write(self, conversion: Conversion, path: Path) -> tuple[str, ...]:  # noqa: D102
        from export_pipeline.formats.onnx import write

        write.write(conversion, path)
        return ()

    def kernels(self, path: Path) -> tuple[Kernel, ...]:  # noqa: D102
        from export_pipeline.formats.onnx import write

        return write.kernels(path)


FORMAT = Onnx()
