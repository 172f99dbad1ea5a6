"""Core ML files: with Apple's own library on macOS, and with the emulator elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.errors import UsageError
from export_pipeline.formats.runtime import Interface, Port, Runtime, checked_inputs, reading, running

_WHAT = "a Core ML model (.mlpackage or .mlmodel)"
NATIVE = sys.platform == "darwin"


@final
class CoreMLRuntime(Runtime):
    """A ``.mlpackage`` or ``.mlmodel``. Images pass through ``predict``, so outputs are rounded as Core ML's are."""

    def __init__(
        self, path: Path, threads: int | None = None, function: str | None = None, compute: str | None = None
    ) -> None:
        self.path, self.threads = path, threads
        self._function, self._compute = function, compute
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

        if self._compute is not None:
            raise UsageError("how to compute is the emulator's choice; Core ML itself runs here. Leave it out.")
        self.name, self.version = "Core ML", str(coremltools.__version__)
        # One thread cannot be asked of Core ML; the processor alone comes nearest.
        self._model = coremltools.models.MLModel(
            str(self.path), compute_units=coremltools.ComputeUnit.CPU_ONLY, function_name=self._function
        )
        spec = self._model.get_spec()
        self.metadata = dict(spec.description.metadata.userDefined)
        self.inputs = tuple(_native_port(feature) for feature in spec.description.input)
        self.outputs = tuple(_native_port(feature) for feature in spec.description.output)

    def _open_emulated(self) -> None:
        from importlib.metadata import version

        from export_pipeline.emulator import CoreMLModel

        self.name, self.version = "Core ML emulator", f"ONNX Runtime {version('onnxruntime')}"
        chosen: dict[str, Any] = {} if self._compute is None else {"compute": self._compute}
        self._model = CoreMLModel(self.path, threads=self.threads, function=self._function, **chosen)
        self.metadata = {str(key): str(value) for key, value in self._model.metadata.items()}
        self.inputs = tuple(_emulated_port(feature) for feature in self._model.inputs)
        self.outputs = tuple(_emulated_port(feature) for feature in self._model.outputs)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, Any]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)
        if NATIVE:
            given = {
                port.name: _to_picture(inputs[port.name]) if port.kind == "image" else inputs[port.name]
                for port in self.inputs
                if port.name in inputs
            }
            outputs = running(self, lambda: self._model.predict(given))
        else:
            outputs = running(self, lambda: self._model.run(inputs))
        return {name: _from_picture(value) for name, value in outputs.items()}

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)
        images = {port.name for port in self.inputs if port.kind == "image"}
        given = {name: value if name in images else self._array(name, value) for name, value in inputs.items()}
        outputs: dict[str, Any] = running(self, lambda: self._model.predict(given))
        return outputs

    def takes_size(self, port: Port, height: int, width: int) -> bool:  # noqa: D102  as Runtime says
        if NATIVE or port.kind != "image":
            return super().takes_size(port, height, width)
        feature = next(feature for feature in self._model.inputs if feature.name == port.name)
        return bool(feature.accepts((*feature.shape[:2], height, width)))

    def _run_image(self, array: np.ndarray) -> np.ndarray:
        port = self.inputs[0]
        given = _to_picture(array) if port.kind == "image" else array
        output = _from_picture(running(self, lambda: self._model.predict({port.name: given}))[self.outputs[0].name])
        return np.asarray(output)


def _to_picture(array: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(array[0].transpose(1, 2, 0)).astype(np.uint8))


def _from_picture(value: Any) -> Any:
    """A PIL image as ``(1, 3, H, W)``; an array, a number, a label or a dictionary as it is."""
    if not hasattr(value, "convert"):
        return value
    return np.asarray(value.convert("RGB")).transpose(2, 0, 1)[None]


def interface(path: Path) -> Interface:
    """What a Core ML file tells about how to call it, also one that cannot be run here.

    Raises:
        EmulatorError: the file cannot be read.
    """
    from export_pipeline.emulator.features import features, metadata
    from export_pipeline.emulator.program import read

    source = read(path)
    inputs, outputs = features(source)
    return Interface(metadata(source), tuple(map(_emulated_port, inputs)), tuple(map(_emulated_port, outputs)))


def _emulated_port(feature: Any) -> Port:
    shape = tuple(int(n) if isinstance(n, int) and n > 0 else None for n in feature.shape)
    dtype = {"image": "float32", "value": feature.dtype}.get(feature.kind) or np.dtype(feature.dtype).name
    return Port(feature.name, shape, dtype, feature.kind, optional=feature.optional)


def _native_port(feature: Any) -> Port:
    kind = feature.type
    values = {"int64Type": "int64", "doubleType": "float64", "stringType": "string", "dictionaryType": "dictionary"}
    if kind.WhichOneof("Type") in values:
        return Port(feature.name, (), values[kind.WhichOneof("Type")], "value", optional=kind.isOptional)
    if kind.WhichOneof("Type") == "imageType":
        return Port(feature.name, (1, 3, kind.imageType.height, kind.imageType.width), "float32", "image")
    dtypes = {65568: "float32", 65552: "float16", 65600: "float64", 131104: "int32"}
    return Port(feature.name, tuple(kind.multiArrayType.shape), dtypes.get(kind.multiArrayType.dataType, "float32"))
