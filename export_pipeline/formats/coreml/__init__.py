"""Core ML: ML Programs (``.mlpackage``) and neural networks (``.mlmodel``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np

from export_pipeline.formats.coreml import contents, runtime
from export_pipeline.formats.coreml.ports import file_signature
from export_pipeline.formats.format import Conversion, Kernel, WrittenFormat
from export_pipeline.formats.interface import Interface
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis
from export_pipeline.records.signature import Signature
from export_pipeline.targets import Target

if TYPE_CHECKING:
    from export_pipeline.emulator import Listing


@final
class CoreML(WrittenFormat):
    """Read by the emulator's reader, run by it or by Apple's library, written by coremltools."""

    suffixes = (".mlmodel", ".mlpackage")
    libraries = ("coremltools", "numpy", "onnx", "onnxruntime", "pillow", "tensorflow", "tf_keras")
    folders = (".mlpackage",)
    options = ("function", "compute")

    @property
    def runtime(self) -> type[runtime.CoreMLRuntime]:  # noqa: D102  as Format says, here and below
        return runtime.CoreMLRuntime

    def interface(self, path: Path) -> Interface:  # noqa: D102  also of a file that does not run here
        return runtime.interface(path)

    def contents(self, path: Path, height: int | None, width: int | None) -> Contents:  # noqa: D102
        return contents.read(path)

    def diagnosis(self, path: Path, contents: Contents) -> Diagnosis:  # noqa: D102
        from export_pipeline.formats.coreml import diagnosis

        return diagnosis.read(path, contents)

    def listing(self, path: Path) -> Listing | None:  # noqa: D102
        from export_pipeline.emulator import listing

        return listing(path)

    def signature(self, network: Signature, target: Target) -> Signature:  # noqa: D102
        return file_signature(network)

    def write(self, conversion: Conversion, path: Path) -> tuple[str, ...]:  # noqa: D102
        from export_pipeline.formats.coreml import write

        return write.write(conversion, path)

    def kernels(self, path: Path) -> tuple[Kernel, ...]:  # noqa: D102
        from export_pipeline.formats.coreml import file

        return file.kernels(path)

    def stored(self, target: Target, kernels: Sequence[np.ndarray]) -> tuple[Kernel, ...]:  # noqa: D102
        from export_pipeline.formats import forms

        if target.exact:
            return forms.stored(target, kernels)
        return tuple(forms.uncompressed_if_tiny(target, kernel) for kernel in super().stored(target, kernels))


FORMAT = CoreML()
