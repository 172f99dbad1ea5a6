"""A Core ML model that runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base.casting import misfit
from ..errors import EmulatorError
from ..records.signature import Port
from .features import features, metadata, states
from .graph import Graph, Options
from .guard import guarded
from .images import to_array, to_image
from .lower import AS_WRITTEN, FLOAT32, STATE, lower_model
from .plan import Plan
from .program import Source, check, choose, read
from .stress import Recorder, StressGraph, StressReport
from .tensors import LOOP_LIMIT, MEMORY_LIMIT

_COMPUTE = (AS_WRITTEN, FLOAT32)
_KEPT_PLANS = 16  # for different sizes of inputs


class CoreMLModel:
    """A Core ML model, lowered to ONNX and run by ONNX Runtime on the CPU.

    ``compute="as_written"`` rounds every half-precision value of the program to half precision, ``"float32"`` leaves
    all of that out, which shows what half precision costs. ``threads=None`` uses all processors. ``function`` is one
    of a multifunction program, by default its own default. A tensor of more than ``memory_limit`` bytes is refused, and
    so is a run whose loops, nested ones included, take more than ``loop_limit`` rounds; each stage of a pipeline has
    as many.

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
        if threads is not None and not _counts(threads):
            raise EmulatorError(f"threads={threads!r} is not possible; allowed: 1 or more, or None for all")
        for name, limit in (("memory_limit", memory_limit), ("loop_limit", loop_limit)):
            if not _counts(limit):
                raise EmulatorError(f"{name}={limit!r} is not possible; allowed: a whole number, 1 or more")
        self._source = source
        self._options = Options(compute == AS_WRITTEN, threads, memory_limit, loop_limit, source.label)
        self.inputs: list[Port]
        self.outputs: list[Port]
        with guarded(source.label):
            self.inputs, self.outputs = features(source)
            self.states: list[Port] = states(source)
        for feature in (*self.inputs, *self.outputs, *self.states):
            self._options.room(feature.closed_shape, 1)
        self.metadata: dict[str, str] = metadata(source)
        self.spec_version = int(source.spec.specificationVersion)
        self._plans: dict[tuple[tuple[int, ...], ...], Plan] = {}
        self._stages: list[CoreMLModel] = []
        if source.format == "pipeline":
            self._stages = [self._stage(stage) for stage in source.stages]
            return
        graph = self._lower(tuple(feature.closed_shape for feature in self.inputs))
        self._plans[tuple(feature.closed_shape for feature in self.inputs)] = Plan(graph)
        self._graph = graph

    def _stage(self, source: Source) -> CoreMLModel:
        stage, options = CoreMLModel.__new__(CoreMLModel), self._options
        compute = AS_WRITTEN if options.rounding else FLOAT32
        stage._open(source, compute, options.threads, options.memory_limit, options.loop_limit)
        return stage

    def _in_stages(self, values: dict[str, Any], run: Callable[[CoreMLModel, dict[str, Any]], Any]) -> dict[str, Any]:
        """What a pipeline gives: each stage takes what it knows of the inputs and of what earlier stages gave."""
        for stage in self._stages:
            values.update(run(stage, {f.name: values[f.name] for f in stage.inputs if f.name in values}))
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
        for feature in self.states:
            self._options.room(feature.closed_shape)
        return {f.name: np.zeros(f.closed_shape, f.dtype) for f in self.states}

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
        arrays = self._arrays(inputs)
        if self._stages:
            return self._in_stages(arrays, lambda stage, values: stage.run(values))
        shapes = tuple(array.shape for array in arrays.values())
        if shapes not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[shapes] = Plan(self._lower(shapes))
        return self._execute(self._plans[shapes], arrays, state)

    def _execute(
        self, plan: Plan, arrays: Mapping[str, np.ndarray], state: dict[str, np.ndarray] | None
    ) -> dict[str, Any]:
        held = self.make_state() if state is None else state
        if set(held) != {feature.name for feature in self.states}:
            raise EmulatorError(f"{self._source.label} does not take this state; make one with make_state()")
        self._options.begin_run()
        results = plan.run({**arrays, **held})
        held.update((name, results.pop(STATE + name)) for name in list(held))
        return results

    def stress(
        self,
        data: Mapping[str, Any],
        state: dict[str, np.ndarray] | None = None,
        everything: bool = False,
        heal: bool = False,
    ) -> StressReport:
        """Run the model as hardware would that adds up in half precision, and report where values leave its range.

        Operations that the program declares as half precision are stressed; *everything* stresses the others too. A
        neural network declares nothing, so all of it is. *data* is as for :meth:`predict` or :meth:`run`, the outputs
        of the report are as :meth:`run` gives them. Values are lost as they would be there, so that an overflow may
        hide what comes after it; with *heal* they are replaced by what float32 gives, and each operation is judged by
        itself. See :mod:`.stress` for what is modelled.
        """
        self._check_names(data)
        images = {f.name: to_array(data[f.name], f) for f in self.inputs if hasattr(data.get(f.name), "convert")}
        recorder = Recorder(heal)
        outputs = self._stressed({**data, **images}, state, recorder, everything)
        return recorder.report(outputs)

    def _stressed(
        self, inputs: Mapping[str, Any], state: dict[str, np.ndarray] | None, recorder: Recorder, everything: bool
    ) -> dict[str, Any]:
        if self._stages:
            return self._in_stages(self._arrays(inputs), lambda s, v: s._stressed(v, None, recorder, everything))
        arrays = self._arrays(inputs)
        whole = everything or self._source.format == "neuralNetwork"
        graph = StressGraph(self._options, recorder, whole)
        return self._execute(Plan(self._lower([a.shape for a in arrays.values()], graph)), arrays, state)

    def _check_names(self, data: Mapping[str, Any]) -> None:
        if not isinstance(data, Mapping):
            raise EmulatorError(f"inputs are given as a dictionary of names and values, not as {type(data).__name__}")
        names = [feature.name for feature in self.inputs]
        unknown = sorted(set(data) - set(names))
        missing = [f.name for f in self.inputs if f.name not in data and not f.optional]
        if unknown or missing:
            problem = f"does not know input {unknown[0]!r}" if unknown else f"misses input {missing[0]!r}"
            raise EmulatorError(f"{self._source.label} {problem}; its inputs: {', '.join(names)}")

    def _arrays(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """An array for each input, in their order."""
        self._check_names(inputs)
        # What a pipeline is not given is up to the stage that takes it.
        taken = [feature for feature in self.inputs if feature.name in inputs or not self._stages]
        return {feature.name: self._array(feature, inputs) for feature in taken}

    def _array(self, feature: Port, inputs: Mapping[str, Any]) -> np.ndarray:
        dtype = np.dtype(feature.array_dtype)
        if feature.name not in inputs:
            return self._default(feature, dtype)
        given = inputs[feature.name]
        try:
            array = np.asarray(given)
            single = given is None or (array.ndim == 0 and not feature.accepts(()))
            wrong = type(given).__name__ if single else misfit(array, dtype)
            array = array if wrong or array.dtype == dtype else array.astype(dtype)
        except (TypeError, ValueError):
            wrong = type(given).__name__
        if wrong:
            allowed = f"an array of {dtype}, {feature.allowed()}"
            raise EmulatorError(f"input {feature.name!r} takes {allowed}; not {wrong}")
        if not feature.accepts(array.shape):
            raise EmulatorError(f"input {feature.name!r} has shape {array.shape}; allowed: {feature.allowed()}")
        return array

    def _default(self, feature: Port, dtype: np.dtype[Any]) -> np.ndarray:
        if feature.default is None:
            raise EmulatorError(
                f"input {feature.name!r} is optional, but the model has no default value for it: pass it"
            )
        self._options.room(feature.closed_shape, dtype.itemsize)
        with guarded(f"the default value of input {feature.name!r}", f"is no {dtype}"):
            return np.full(feature.closed_shape, feature.default, dtype)

    def _lower(self, shapes: Iterable[tuple[int, ...]], graph: Graph | None = None) -> Graph:
        named = {feature.name: shape for feature, shape in zip(self.inputs, shapes, strict=True)}
        return lower_model(self._source, named, graph or Graph(self._options))


def _counts(value: Any) -> bool:
    """Whether *value* is a whole number of 1 or more."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 1
