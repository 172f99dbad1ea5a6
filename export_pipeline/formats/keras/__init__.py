"""Keras archives (``.keras``), which hold the float network; nothing is exported to them."""

from __future__ import annotations

from pathlib import Path
from typing import final

from export_pipeline.formats.format import Format
from export_pipeline.formats.keras import runtime
from export_pipeline.records.contents import Contents


@final
class Keras(Format):
    """Read and run by TensorFlow with Keras 2."""

    suffixes = (".keras",)
    libraries = ("h5py", "numpy", "tensorflow", "tf_keras")
    needs_tensorflow = True

    @property
    def runtime(self) -> type[runtime.KerasRuntime]:  # noqa: D102  as Format says, here and below
        return runtime.KerasRuntime

    def contents(self, path: Path, height: int | None, width: int | None) -> Contents:  # noqa: D102
        from export_pipeline.formats.keras import contents

        return contents.read(path, height, width)


FORMAT = Keras()
