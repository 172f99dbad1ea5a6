"""Core AI (``.aimodel``): arrays in and out, in the layout of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np

from export_pipeline.formats.coreai import library, runtime
from export_pipeline.formats.format import Conversion, Kernel, WrittenFormat
from export_pipeline.formats.interface import Interface
from export_pipeline.records.contents import Contents
from export_pipeline.records.signature import Signature
from export_pipeline.targets import Target


@final
class CoreAI(WrittenFormat):
    """Written, read and run with Apple's library, in a process of its own."""

    suffixes = (".aimodel",)
    libraries = (library.DISTRIBUTION, "numpy", "tensorflow", "tf_keras")
    folders = (".aimodel",)
    unmeasured = (
        "Apple's library runs in a process of its own, and on Linux without the kernels of a device, which says "
        "nothing of one; `export-pipeline benchmark` times it"
    )

    @property
    def runtime(self) -> type[runtime.CoreAIRuntime]:  # noqa: D102  as Format says, here and below
        return runtime.CoreAIRuntime

    def missing(self) -> str:  # noqa: D102
        return library.missing()

    def interface(self, path: Path) -> Interface:  # noqa: D102
        return runtime.interface(path)

    def contents(self, path: Path, height: int | None, width: int | None) -> Contents:  # noqa: D102
        from export_pipeline.formats.coreai import contents

        return contents.read(path)

    def signature(self, network: Signature, target: Target) -> Signature:  # noqa: D102
        return network

    def write(self, conversion: Conversion, path: Path) -> tuple[str, ...]:  # noqa: D102
        from export_pipeline.formats.coreai import write

        return write.write(conversion, path)

    def kernels(self, path: Path) -> tuple[Kernel, ...]:  # noqa: D102
        from export_pipeline.formats.coreai import contents

        return contents.kernels(path)

    def stored(self, target: Target, kernels: Sequence[np.ndarray]) -> tuple[Kernel, ...]:  # noqa: D102
        from export_pipeline.formats import forms

        return forms.stored(target, kernels) if target.exact else super().stored(target, kernels)


FORMAT = CoreAI()
