"""ONNX files with ONNX Runtime on the processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.formats.interface import described
from export_pipeline.formats.runtime import Runtime, checked_inputs, reading, running
from export_pipeline.records.signature import Port

_WHAT = "an ONNX model"
_DTYPES = {
    "float": "float32",
    "float16": "float16",
    "double": "float64",
    **{name: name for name in ("uint8", "int8", "uint16", "int16", "int32", "int64", "bool")},
}


@final
class OnnxRuntime(Runtime):
    """An ``.onnx`` file."""

    name = "ONNX Runtime"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path, self.threads = path, threads
        self.load_library()
        import onnxruntime

        self.version = str(onnxruntime.__version__)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors come as exceptions
        options.intra_op_num_threads = threads or 0
        with reading(path, _WHAT):
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self.interface = described(
                self._session.get_modelmeta().custom_metadata_map,
                [_port(item) for item in self._session.get_inputs()],
                [_port(item) for item in self._session.get_outputs()],
            )

    @classmethod
    def load_library(cls) -> None:  # noqa: D102  as Runtime says
        import onnxruntime  # noqa: F401

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: D102  as Runtime says
        names = [port.name for port in self.outputs]
        arrays = running(self, lambda: self._session.run(names, checked_inputs(self, inputs)))
        return dict(zip(names, arrays, strict=True))


def _port(item: Any) -> Port:
    element = item.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(length if isinstance(length, int) else None for length in item.shape)
    return Port(name=item.name, shape=shape, dtype=_DTYPES.get(element, element))
