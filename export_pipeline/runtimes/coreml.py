"""Core ML files: with Apple's own library on macOS, and with the emulator elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.runtimes.base import Port, Runtime, checked_inputs, reading, running

_WHAT = "a Core ML model (.mlpackage or .mlmodel)"
NATIVE = sys.platform == "darwin"


@final
class CoreMLRuntime(Runtime):
    """A ``.mlpackage`` or ``.mlmodel``. Images pass through ``predict``, so outputs are rounded as Core ML's are."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path, self.threads = path, threads
        self.load_library()
        self._model: Any
        with reading(path, _WHAT):
            if NATIVE:
                self._open_native()
            else:
                self._open_emulated()

    @classmethod
    def load_library(cls) -> None:  # noqa: D102  as Runtime says
        if NATIVE:
            import coremltools
        else:
            import onnxruntime  # noqa: F401

            import export_pipeline.emulator.session  # noqa: F401
            from export_pipeline.emulator.coremltools_quietly import coremltools

            coremltools()

    def _open_native(self) -> None:
        import coremltools

        self.name, self.version = "Core ML", str(coremltools.__version__)
        # One thread cannot be asked of Core ML; the processor alone comes nearest.
        self._model = coremltools.models.MLModel(str(self.path), compute_units=coremltools.ComputeUnit.CPU_ONLY)
        spec = self._model.get_spec()
        self.metadata = dict(spec.description.metadata.userDefined)
        self.inputs = tuple(_native_port(feature) for feature in spec.description.input)
        self.outputs = tuple(_native_port(feature) for feature in spec.description.output)

    def _open_emulated(self) -> None:
        from importlib.metadata import version

        from export_pipeline.emulator import CoreMLModel

        self.name, self.version = "Core ML emulator", f"ONNX Runtime {version('onnxruntime')}"
        self._model = CoreMLModel(self.path, threads=self.threads)
        self.metadata = {str(key): str(value) for key, value in self._model.metadata.items()}
        self.inputs = tuple(_emulated_port(feature) for feature in self._model.inputs)
        self.outputs = tuple(_emulated_port(feature) for feature in self._model.outputs)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)
        if NATIVE:
            given = {
                port.name: _to_picture(inputs[port.name]) if port.kind == "image" else inputs[port.name]
                for port in self.inputs
            }
            outputs = running(self, lambda: self._model.predict(given))
        else:
            outputs = running(self, lambda: self._model.run(inputs))
        return {name: _from_picture(value) for name, value in outputs.items()}

    def _run_image(self, array: np.ndarray) -> np.ndarray:
        port = self.inputs[0]
        given = _to_picture(array) if port.kind == "image" else array
        return _from_picture(running(self, lambda: self._model.predict({port.name: given}))[self.outputs[0].name])


def _to_picture(array: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(array[0].transpose(1, 2, 0)).astype(np.uint8))


def _from_picture(value: Any) -> np.ndarray:
    """A PIL image as ``(1, 3, H, W)``, an array as it is."""
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(value.convert("RGB")).transpose(2, 0, 1)[None]


def _emulated_port(feature: Any) -> Port:
    shape = tuple(int(n) if isinstance(n, int) and n > 0 else None for n in feature.shape)
    if feature.kind == "image":
        return Port(feature.name, shape, "float32", "image")
    return Port(feature.name, shape, np.dtype(feature.dtype).name)


def _native_port(feature: Any) -> Port:
    kind = feature.type
    if kind.WhichOneof("Type") == "imageType":
        return Port(feature.name, (1, 3, kind.imageType.height, kind.imageType.width), "float32", "image")
    dtypes = {65568: "float32", 65552: "float16", 65600: "float64", 131104: "int32"}
    return Port(feature.name, tuple(kind.multiArrayType.shape), dtypes.get(kind.multiArrayType.dataType, "float32"))
