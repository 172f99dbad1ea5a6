"""A Core ML model that runs here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .features import Feature, features, metadata, numpy_dtype
from .guard import guarded
from .images import to_array, to_image
from .lower import AS_WRITTEN, FLOAT32, lower_model
from .program import Source, check, read

_COMPUTE = (AS_WRITTEN, FLOAT32)


class CoreMLModel:
    """A Core ML model, lowered to ONNX and run by ONNX Runtime on the CPU.

    ``compute="as_written"`` rounds every half-precision value of the program to half precision, ``"float32"`` leaves
    all of that out, which shows what half precision costs. ``threads=None`` uses all processors.

    Raises EmulatorError if the file cannot be read, UnsupportedOperationError if it uses unknown operations.
    """

    def __init__(self, path: str | Path, compute: str = AS_WRITTEN, threads: int | None = None) -> None:
        self._open(read(path), compute, threads)

    @classmethod
    def from_spec(
        cls, spec: Any, weights_dir: str | Path | None = None, compute: str = AS_WRITTEN, threads: int | None = None
    ) -> CoreMLModel:
        """A model from its protobuf and the directory of its weight files."""
        model = cls.__new__(cls)
        model._open(check(Source(spec, Path(weights_dir) if weights_dir else None)), compute, threads)
        return model

    def _open(self, source: Source, compute: str, threads: int | None) -> None:
        if compute not in _COMPUTE:
            raise EmulatorError(f"compute={compute!r} is not known; allowed: {', '.join(_COMPUTE)}")
        if threads is not None and threads < 1:
            raise EmulatorError(f"threads={threads} is not possible; allowed: 1 or more, or None for all")
        self._source, self._compute, self._threads = source, compute, threads
        self.inputs: list[Feature]
        self.outputs: list[Feature]
        with guarded(source.label):
            self.inputs, self.outputs = features(source)
        self.metadata: dict[str, str] = metadata(source)
        self.spec_version = int(source.spec.specificationVersion)
        self._sessions: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._default = tuple(feature.shape for feature in self.inputs)
        self.onnx_model = self._lower(self._default)
        self._sessions[self._default] = self._start(self.onnx_model)

    def predict(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Run the model as ``coremltools.models.MLModel.predict`` does.

        An image input takes a Pillow image of a declared size and an image output is one, held in 0..255 and rounded
        to the nearest integer (halves to even); a tensor is an array of the declared type.
        """
        self._check_names(data)
        arrays = {f.name: to_array(data[f.name], f) for f in self.inputs if f.kind == "image" and f.name in data}
        outputs = self.run({**data, **arrays})
        return {f.name: to_image(outputs[f.name], f) if f.kind == "image" else outputs[f.name] for f in self.outputs}

    def run(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Run the model on raw arrays: images are float32 ``[1, C, H, W]``, 0..255, in the declared channel order.

        Raises EmulatorError for names, shapes or types that the model does not take.
        """
        self._check_names(inputs)
        arrays = {feature.name: self._array(feature, inputs) for feature in self.inputs}
        shapes = tuple(array.shape for array in arrays.values())
        if shapes not in self._sessions:
            self._sessions[shapes] = self._start(self._lower(shapes))
        session = self._sessions[shapes]
        with guarded(self._source.label, "could not be run"):
            results = session.run(None, arrays)
        return dict(zip((output.name for output in session.get_outputs()), results, strict=True))

    def _check_names(self, data: Mapping[str, Any]) -> None:
        names = [feature.name for feature in self.inputs]
        unknown = sorted(set(data) - set(names))
        missing = [f.name for f in self.inputs if f.name not in data and not f.optional]
        if unknown or missing:
            problem = f"does not know input {unknown[0]!r}" if unknown else f"misses input {missing[0]!r}"
            raise EmulatorError(f"{self._source.label} {problem}; its inputs: {', '.join(names)}")

    def _array(self, feature: Feature, inputs: Mapping[str, Any]) -> np.ndarray:
        dtype = numpy_dtype(feature)
        if feature.name not in inputs:
            return np.zeros(feature.shape, dtype)
        try:
            array = np.asarray(inputs[feature.name])
            array = array if array.dtype == dtype else array.astype(dtype)
        except (TypeError, ValueError):
            raise EmulatorError(f"input {feature.name!r} takes an array of {dtype}") from None
        if not feature.accepts(array.shape):
            raise EmulatorError(f"input {feature.name!r} has shape {array.shape}; allowed: {feature.allowed()}")
        return array

    def _lower(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        named = {feature.name: shape for feature, shape in zip(self.inputs, shapes, strict=True)}
        return lower_model(self._source, named, self._compute).model()

    def _start(self, model: Any) -> Any:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = self._threads or 0
        with guarded(self._source.label, "could not be prepared"):
            return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
