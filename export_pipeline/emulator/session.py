"""A Core ML model that runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmulatorError, UnsupportedOperationError
from ..records.signature import Port
from .features import features, metadata, states
from .graph import Graph, Options
from .guard import guarded
from .images import to_array, to_image
from .inputs import check_names, checked, default
from .kinds import Run, prepared
from .lower import AS_WRITTEN, FLOAT32, STATE, lower_model
from .plan import Plan
from .program import Source, check, choose, read
from .stress import Recorder, StressGraph, StressReport
from .tensors import LOOP_LIMIT, MEMORY_LIMIT, Custom

_COMPUTE = (AS_WRITTEN, FLOAT32)
_KEPT_PLANS = 16  # for different sizes of inputs


class CoreMLModel:
    """A Core ML model. Networks and programs are lowered to ONNX and run by ONNX Runtime on the CPU.

    ``compute="as_written"`` rounds every half-precision value of the program to half precision, ``"float32"`` leaves
    all of that out, which shows what half precision costs. ``threads=None`` uses all processors. ``function`` is one
    of a multifunction program, by default its own default. A tensor of more than ``memory_limit`` bytes is refused, and
    so is a run whose loops, nested ones included, take more than ``loop_limit`` rounds; each stage of a pipeline has
    as many. ``custom`` holds a function for each class of custom layers: it is called with the input arrays, with the
    layer's parameters by name and, if it has any, its ``weights`` as a list of float32 arrays, and returns an array,
    or a list of as many as the layer has outputs.

    Raises EmulatorError if the file cannot be read, UnsupportedOperationError if it uses unknown operations or custom
    layers without a function, or lives in Apple's system only.
    """

    def __init__(
        self,
        path: str | Path,
        compute: str = AS_WRITTEN,
        threads: int | None = None,
        function: str | None = None,
        memory_limit: int = MEMORY_LIMIT,
        loop_limit: int = LOOP_LIMIT,
        custom: Custom | None = None,
    ) -> None:
        self._open(choose(read(path), function), compute, threads, memory_limit, loop_limit, custom)

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
        custom: Custom | None = None,
    ) -> CoreMLModel:
        """A model from its protobuf and the directory of its weight files."""
        model = cls.__new__(cls)
        source = choose(check(Source(spec, Path(weights_dir) if weights_dir else None)), function)
        model._open(source, compute, threads, memory_limit, loop_limit, custom)
        return model

    def _open(
        self,
        source: Source,
        compute: str,
        threads: int | None,
        memory_limit: int,
        loop_limit: int,
        custom: Custom | None,
    ) -> None:
        if compute not in _COMPUTE:
            raise EmulatorError(f"compute={compute!r} is not known; allowed: {', '.join(_COMPUTE)}")
        if threads is not None and not _counts(threads):
            raise EmulatorError(f"threads={threads!r} is not possible; allowed: 1 or more, or None for all")
        for name, limit in (("memory_limit", memory_limit), ("loop_limit", loop_limit)):
            if not _counts(limit):
                raise EmulatorError(f"{name}={limit!r} is not possible; allowed: a whole number, 1 or more")
        if custom is not None and not (isinstance(custom, Mapping) and all(map(callable, custom.values()))):
            raise EmulatorError("custom takes a dictionary of the classes of custom layers and a function for each")
        self._source = source
        self._options = Options(
            compute == AS_WRITTEN, threads, memory_limit, loop_limit, source.label, dict(custom or {})
        )
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
        self._kind: Run | None = None
        if source.format == "pipeline":
            self._stages = [self._stage(stage) for stage in source.stages]
            return
        if not source.lowered:
            self._kind = prepared(source, self._options)
            return
        shapes = tuple(feature.closed_shape for feature in self.inputs)
        self._graph = self._at_defaults(shapes)
        if isinstance(self._graph, Graph):
            self._plans[shapes] = Plan(self._graph)

    def _at_defaults(self, shapes: tuple[tuple[int, ...], ...]) -> Graph | EmulatorError:
        """The model for its default sizes, or why there is none where they need not fit."""
        try:
            return self._lower(shapes)
        except UnsupportedOperationError:
            raise
        except EmulatorError as error:
            if not _may_misfit(self.inputs):
                raise
            return error

    def _stage(self, source: Source) -> CoreMLModel:
        stage, options = CoreMLModel.__new__(CoreMLModel), self._options
        compute = AS_WRITTEN if options.rounding else FLOAT32
        stage._open(source, compute, options.threads, options.memory_limit, options.loop_limit, options.custom)
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
        if self._kind:
            raise EmulatorError(f"{self._source.label} is a {self._source.kind}, so it is no ONNX model")
        if isinstance(self._graph, EmulatorError):
            raise self._graph
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
        check_names(data, self.inputs, self._source.label)
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
        if self._kind:
            return self._run_kind(arrays, state)
        shapes = tuple(array.shape for array in arrays.values())
        if shapes not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[shapes] = Plan(self._lower(shapes))
        return self._execute(self._plans[shapes], arrays, state)

    def _run_kind(self, values: Mapping[str, Any], state: Any) -> dict[str, Any]:
        """A model that is neither a network nor a program."""
        assert self._kind is not None
        if state:
            raise EmulatorError(f"{self._source.label} does not take this state; make one with make_state()")
        with guarded(self._source.label, "could not be run"), np.errstate(all="ignore"):
            return self._kind(values)

    def update(self, *_: Any, **__: Any) -> None:
        """Training, which Core ML does on a device (``MLUpdateTask``). Raises UnsupportedOperationError."""
        reason = "Core ML trains on a device only (MLUpdateTask)"
        if not self._source.spec.isUpdatable:
            reason = "the model is not updatable"
        raise UnsupportedOperationError(f"the emulator does not train {self._source.label}: {reason}")

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
        check_names(data, self.inputs, self._source.label)
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
        if self._kind:
            return self._run_kind(arrays, state)
        whole = everything or self._source.format == "neuralNetwork"
        graph = StressGraph(self._options, recorder, whole)
        return self._execute(Plan(self._lower([a.shape for a in arrays.values()], graph)), arrays, state)

    def _arrays(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What is given for each input, in their order, checked."""
        check_names(inputs, self.inputs, self._source.label)
        kind = self._kind is not None
        # What a pipeline is not given is up to the stage that takes it; other kinds know what stands for it.
        taken = [port for port in self.inputs if port.name in inputs or not (self._stages or kind)]
        given = {port.name: inputs[port.name] for port in taken if port.name in inputs}
        five = self._source.format == "neuralNetwork" and not self._source.network.arrayInputShapeMapping
        return {
            port.name: checked(port, given[port.name], kind, five)
            if port.name in given
            else default(port, self._options)
            for port in taken
        }

    def _lower(self, shapes: Iterable[tuple[int, ...]], graph: Graph | None = None) -> Graph:
        named = {feature.name: shape for feature, shape in zip(self.inputs, shapes, strict=True)}
        return lower_model(self._source, named, graph or Graph(self._options))


def _may_misfit(inputs: Iterable[Port]) -> bool:
    """Whether the default sizes need not fit the model.

    Core ML Tools declares the least where nobody has named a default, and sizes that vary need not fit each other.
    """
    ranges = [(size, low) for p in inputs for size, (low, high) in zip(p.shape, p.bounds, strict=False) if low != high]
    return any(size == low for size, low in ranges) or len(ranges) + sum(bool(port.sizes) for port in inputs) > 1


def _counts(value: Any) -> bool:
    """Whether *value* is a whole number of 1 or more."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 1
