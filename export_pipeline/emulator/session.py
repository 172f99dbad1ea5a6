"""A Core ML model that runs here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .features import Feature, features, metadata, numpy_dtype, states
from .graph import Graph, Options
from .guard import guarded
from .images import to_array, to_image
from .lower import AS_WRITTEN, FLOAT32, STATE, lower_model
from .plan import Plan
from .program import Source, check, choose, read

_COMPUTE = (AS_WRITTEN, FLOAT32)
_KEPT_PLANS = 16  # for different sizes of inputs
MEMORY_LIMIT = 4 << 30  # bytes of one tensor
LOOP_LIMIT = 1 << 20  # rounds of one loop


class CoreMLModel:
    """A Core ML model, lowered to ONNX and run by ONNX Runtime on the CPU.

    ``compute="as_written"`` rounds every half-precision value of the program to half precision, ``"float32"`` leaves
    all of that out, which shows what half precision costs. ``threads=None`` uses all processors. ``function`` is one
    of a multifunction program, by default its own default. A tensor of more than ``memory_limit`` bytes is refused, and
    a loop of more than ``loop_limit`` rounds.

    Raises EmulatorError if the file cannot be read, UnsupportedOperationError if it uses unknown operations.
    """

    def __init__(
        self,
        path: str | Path,
        compute: str = AS_WRITTEN,
        threads: int | None = None,
        function: str | None = None,
        memory_limit: int = MEMORY_LIMIT,
        loop_limit: int = LOOP_LIMIT,
    ) -> None:
        self._open(choose(read(path), function), compute, threads, memory_limit, loop_limit)

    @classmethod
    def from_spec(
        cls,
        spec: Any,
        weights_dir: str | Path | None = None,
        compute: str = AS_WRITTEN,
        threads: int | None = None,
        function: str | None = None,
        memory_limit: int = MEMORY_LIMIT,
        loop_limit: int = LOOP_LIMIT,
    ) -> CoreMLModel:
        """A model from its protobuf and the directory of its weight files."""
        model = cls.__new__(cls)
        source = choose(check(Source(spec, Path(weights_dir) if weights_dir else None)), function)
        model._open(source, compute, threads, memory_limit, loop_limit)
        return model

    def _open(self, source: Source, compute: str, threads: int | None, memory_limit: int, loop_limit: int) -> None:
        if compute not in _COMPUTE:
            raise EmulatorError(f"compute={compute!r} is not known; allowed: {', '.join(_COMPUTE)}")
        if threads is not None and threads < 1:
            raise EmulatorError(f"threads={threads} is not possible; allowed: 1 or more, or None for all")
        self._source = source
        self._options = Options(compute == AS_WRITTEN, threads, memory_limit, loop_limit, source.label)
        self.inputs: list[Feature]
        self.outputs: list[Feature]
        with guarded(source.label):
            self.inputs, self.outputs = features(source)
            self.states: list[Feature] = states(source)
        self.metadata: dict[str, str] = metadata(source)
        self.spec_version = int(source.spec.specificationVersion)
        self._plans: dict[tuple[tuple[int, ...], ...], Plan] = {}
        self._stages: list[CoreMLModel] = []
        if source.format == "pipeline":
            self._stages = [self._stage(stage) for stage in source.stages]
            return
        graph = self._lower(tuple(feature.shape for feature in self.inputs))
        self._plans[tuple(feature.shape for feature in self.inputs)] = Plan(graph)
        self._graph = graph

    def _stage(self, source: Source) -> CoreMLModel:
        stage, options = CoreMLModel.__new__(CoreMLModel), self._options
        compute = AS_WRITTEN if options.rounding else FLOAT32
        stage._open(source, compute, options.threads, options.memory_limit, options.loop_limit)
        return stage

    def _in_stages(self, values: dict[str, Any]) -> dict[str, Any]:
        """What a pipeline gives: each stage takes what it knows of the inputs and of what earlier stages gave."""
        for stage in self._stages:
            values.update(stage.run({f.name: values[f.name] for f in stage.inputs if f.name in values}))
        missing = [feature.name for feature in self.outputs if feature.name not in values]
        if missing:
            raise EmulatorError(f"{self._source.label} is malformed: no stage makes its output {missing[0]!r}")
        return {feature.name: values[feature.name] for feature in self.outputs}

    @property
    def onnx_model(self) -> Any:
        """The model as ONNX for its default sizes. Raises EmulatorError if parts of it run in NumPy."""
        if self._stages:
            raise EmulatorError(f"{self._source.label} is a pipeline of models, so it is no ONNX model")
        return self._graph.model()

    def make_state(self) -> dict[str, np.ndarray]:
        """What a stateful model remembers between runs, zeros at first; each run changes it in place."""
        return {f.name: np.zeros(f.shape, f.dtype) for f in self.states}

    def predict(self, data: Mapping[str, Any], state: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
        """Run the model as ``coremltools.models.MLModel.predict`` does.

        An image input takes a Pillow image of a declared size and an image output is one, held in 0..255 and rounded
        to the nearest integer (halves to even); a tensor is an array of the declared type.
        """
        self._check_names(data)
        arrays = {f.name: to_array(data[f.name], f) for f in self.inputs if f.kind == "image" and f.name in data}
        outputs = self.run({**data, **arrays}, state)
        return {f.name: to_image(outputs[f.name], f) if f.kind == "image" else outputs[f.name] for f in self.outputs}

    def run(self, inputs: Mapping[str, Any], state: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
        """Run the model on raw arrays: images are float32 ``[1, C, H, W]``, 0..255, in the declared channel order.

        Raises EmulatorError for names, shapes or types that the model does not take.
        """
        self._check_names(inputs)
        arrays = {feature.name: self._array(feature, inputs) for feature in self.inputs}
        if self._stages:
            return self._in_stages(dict(arrays))
        shapes = tuple(array.shape for array in arrays.values())
        if shapes not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[shapes] = Plan(self._lower(shapes))
        held = self.make_state() if state is None else state
        if set(held) != {feature.name for feature in self.states}:
            raise EmulatorError(f"{self._source.label} does not take this state; make one with make_state()")
        results = self._plans[shapes].run({**arrays, **held})
        held.update((name, results.pop(STATE + name)) for name in list(held))
        return results

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

    def _lower(self, shapes: tuple[tuple[int, ...], ...]) -> Graph:
        named = {feature.name: shape for feature, shape in zip(self.inputs, shapes, strict=True)}
        return lower_model(self._source, named, self._options)
