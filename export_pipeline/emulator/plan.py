"""A lowered model, ready to run: ONNX Runtime for the nodes, NumPy for the steps between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx

from .graph import Graph, HostStep, value_info
from .guard import guarded


class _Session:
    """Consecutive ONNX nodes of a graph."""

    def __init__(self, graph: Graph, model: onnx.ModelProto) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = graph.options.threads or 0
        with guarded(graph.options.label, "could not be prepared"):
            data = model.SerializeToString()
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._label = graph.options.label
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._outputs = [value.name for value in self._session.get_outputs()]

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        with guarded(self._label, "could not be run"):
            results = self._session.run(None, {name: values[name] for name in self._inputs})
        return dict(zip(self._outputs, results, strict=True))


class _Host:
    """One NumPy step."""

    def __init__(self, graph: Graph, step: HostStep) -> None:
        self._step, self._label = step, graph.options.label
        self._dtypes = [graph.tensors[name].dtype for name in step.output]

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        # Infinite values are values here, as they are to ONNX Runtime.
        with guarded(self._label, "could not be run"), np.errstate(all="ignore"):
            results = self._step.function(*(values[name] for name in self._step.input))
            pairs = zip(results, self._dtypes, strict=True)
            arrays = [
                r if dtype.kind == "O" else np.ascontiguousarray(r, dtype).reshape(np.shape(r)) for r, dtype in pairs
            ]
        return dict(zip(self._step.output, arrays, strict=True))


class Plan:
    """Runs a graph. A graph without NumPy steps is one ONNX Runtime session, as fast as that is."""

    def __init__(self, graph: Graph) -> None:
        self._results = dict(graph.results)
        self._constants: dict[str, Any] = {}
        self._steps: list[_Session | _Host] = []
        self._done: list[set[str]] = [set()]  # after each step, what no later one reads
        if not any(isinstance(node, HostStep) for node in graph.nodes):
            self._steps = [_Session(graph, graph.model())]
            return
        parts = list(_parts(graph.nodes))
        for index, part in enumerate(parts):
            if isinstance(part, HostStep):
                self._steps.append(_Host(graph, part))
                known = {name for name in part.input if name in graph.constants}
                self._constants.update((name, graph.value_of(graph.tensors[name])) for name in known)
            else:
                later = _names(parts[index + 1 :]) | set(graph.results.values())
                self._steps.append(_Session(graph, _model(graph, part, later)))
        self._done = list(_last_reads([_names([part]) for part in parts], set(graph.results.values())))

    def run(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name, for inputs by name."""
        values = {**arrays, **self._constants}
        for step, done in zip(self._steps, self._done, strict=True):
            values.update(step(values))
            for name in done:
                values.pop(name, None)
        return {name: values[source] for name, source in self._results.items()}


def _parts(nodes: Iterable[Any]) -> Iterable[Any]:
    """Host steps, and lists of the nodes between them."""
    gathered: list[Any] = []
    for node in nodes:
        if not isinstance(node, HostStep):
            gathered.append(node)
            continue
        if gathered:
            yield gathered
        gathered = []
        yield node
    if gathered:
        yield gathered


def _names(parts: Iterable[Any]) -> set[str]:
    """Every tensor that *parts* read."""
    steps = [step for part in parts for step in ([part] if isinstance(part, HostStep) else part)]
    return {name for step in steps for name in step.input}


def _last_reads(reads: list[set[str]], results: set[str]) -> Iterable[set[str]]:
    """For each part, the tensors that are read there for the last time and are no *results*."""
    last = {name: index for index, names in enumerate(reads) for name in names}
    for index, names in enumerate(reads):
        yield {name for name in names if last[name] == index} - results


def _model(graph: Graph, nodes: list[Any], later: set[str]) -> onnx.ModelProto:
    made = {name for node in nodes for name in node.output}
    read = sorted(_names([nodes]) - made - {""})
    constants = [graph.constants[name] for name in read if name in graph.constants]
    inputs = [value_info(graph.tensors[name]) for name in read if name not in graph.constants]
    # An output node only renames: its tensor is described where the graph's outputs are.
    outputs = [graph.described(name) for name in sorted(made & later)]
    return graph.part(nodes, inputs, outputs, constants)
