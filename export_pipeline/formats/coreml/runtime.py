"""Core ML files: with Apple's own library on macOS, and with the emulator elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.errors import UsageError
from export_pipeline.formats.interface import Interface, described
from export_pipeline.formats.runtime import Runtime, checked_inputs, reading, running
from export_pipeline.formats.stress import Lost, Stressed
from export_pipeline.formats.values import from_port
from export_pipeline.records.signature import Port

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
        self._find_library()
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

    @classmethod
    def _find_library(cls) -> None:
        """Raise ModuleNotFoundError if there is none; most of coremltools is for programs only, which load it."""
        if NATIVE:
            cls.load_library()
        else:
            import onnxruntime  # noqa: F401

            from export_pipeline.emulator.coremltools_quietly import model_proto

            model_proto()

    def _open_native(self) -> None:
        import coremltools

        if self._compute is not None:
            raise UsageError("how to compute is the emulator's choice; Core ML itself runs here. Leave it out.")
        self.name, self.version = "Core ML", str(coremltools.__version__)
        # One thread cannot be asked of Core ML; the processor alone comes nearest.
        self._model = coremltools.models.MLModel(
            str(self.path), compute_units=coremltools.ComputeUnit.CPU_ONLY, function_name=self._function
        )
        self.interface = interface(self.path, self._function)

    def _open_emulated(self) -> None:
        from importlib.metadata import version

        from export_pipeline.emulator import CoreMLModel

        self.name, self.version = "Core ML emulator", f"ONNX Runtime {version('onnxruntime')}"
        chosen: dict[str, Any] = {} if self._compute is None else {"compute": self._compute}
        self._model = CoreMLModel(self.path, threads=self.threads, function=self._function, **chosen)
        self.interface = _described(self._model.metadata, self._model.inputs, self._model.outputs)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, Any]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)
        if NATIVE:
            given = self._with_pictures(inputs)
            outputs = running(self, lambda: self._model.predict(given))
        else:
            outputs = running(self, lambda: self._model.run(inputs))
        return {name: _from_picture(value) for name, value in outputs.items()}

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: D102  as Runtime says
        checked_inputs(self, inputs)
        as_they_are = {port.name for port in self.inputs if port.kind != "tensor"}
        given = {name: value if name in as_they_are else self._array(name, value) for name, value in inputs.items()}
        outputs: dict[str, Any] = running(self, lambda: self._model.predict(given))
        return outputs

    def stress(self, inputs: Mapping[str, Any]) -> Stressed | None:  # noqa: D102  as Runtime says
        from export_pipeline.emulator import CoreMLModel

        checked_inputs(self, inputs)
        ports = {port.name: port for port in self.inputs}
        arrays = {name: self._fitting(ports[name], value) for name, value in inputs.items()}
        model = CoreMLModel(self.path, threads=self.threads, function=self._function)
        report = running(self, lambda: model.stress(arrays))
        if report.overflows:  # what is lost hides what comes after it
            report = replace(running(self, lambda: model.stress(arrays, heal=True)), outputs=report.outputs)
        lost = {one.tensor: Lost(one.operation, one.tensor, one.largest) for one in report.overflows}
        outputs = {
            port.name: from_port(report.outputs[port.name], port) for port in self.outputs if port.kind != "value"
        }
        return Stressed(report.halves, tuple(lost.values()), outputs)

    def _run_as_shipped(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        given = self._with_pictures(arrays)
        outputs = running(self, lambda: self._model.predict(given))
        return {name: _from_picture(value) for name, value in outputs.items()}

    def _with_pictures(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        """*arrays*, those of images as Pillow images."""
        ports = {port.name: port for port in self.inputs}
        return {
            name: _to_picture(array, ports[name]) if ports[name].kind == "image" else array
            for name, array in arrays.items()
        }


def _to_picture(array: np.ndarray, port: Port) -> Any:
    """A float32 array ``(1, C, H, W)`` as a Pillow image of mode RGB, L or, of half precision, F."""
    from PIL import Image

    if port.color == "GRAYSCALE_FLOAT16":
        return Image.fromarray(np.ascontiguousarray(array[0, 0], np.float32))
    pixels = np.clip(np.rint(array[0]), 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]))


def _from_picture(value: Any) -> Any:
    """A Pillow image as ``(1, C, H, W)``; an array, a number, a label or a dictionary as it is."""
    if not hasattr(value, "convert"):
        return value
    if value.mode in ("L", "F"):
        return np.asarray(value)[None, None]
    return np.asarray(value.convert("RGB")).transpose(2, 0, 1)[None]


def interface(path: Path, function: str | None = None) -> Interface:
    """What a Core ML file tells about how to call it, also one that cannot be run here.

    Raises:
        EmulatorError: the file cannot be read.
    """
    from export_pipeline.emulator.features import features, metadata
    from export_pipeline.emulator.program import choose, read

    source = read(path) if function is None else choose(read(path), function)
    return _described(metadata(source), *features(source))


def _described(metadata: Mapping[str, str], inputs: Sequence[Port], outputs: Sequence[Port]) -> Interface:
    return described(metadata, [_open(port) for port in inputs], [_open(port) for port in outputs])


def _open(port: Port) -> Port:
    """*port* of the emulator with ``None`` for sizes that no tensor has, which stand for open ones."""
    return port.model_copy(update={"shape": tuple(n if n is not None and n > 0 else None for n in port.shape)})
