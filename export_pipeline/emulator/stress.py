"""What becomes of a model on hardware that adds up in half precision, and where a value leaves its range.

Apple does not document the accumulators of its processors. This is the worst of them: every operand, partial sum and
result of an operation that the program declares as half precision is rounded to it (``arrays/halves.py`` says in which
order), and a mean is a sum first. A model that stays whole here stays whole anywhere; one that does not
depends on wider accumulators. Recurrent layers are the exception: they add up in float32 and only their results are
rounded, which the report says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx

from .arrays.half_nodes import NODES
from .arrays.halves import LARGEST, Halves, half
from .graph import Graph, HostStep, Options, Shape, Tensor

ACCUMULATION, RESULT = "accumulation", "result"
_RECURRENT = {"lstm", "gru", "rnn", "uniDirectionalLSTM", "biDirectionalLSTM", "simpleRecurrent"}


@dataclass(frozen=True)
class Overflow:
    """An operation where values leave half precision, although the values that it takes are finite.

    ``tensor`` is the result's name, ``operation`` its type. ``place`` says whether a sum was lost on the way
    (``accumulation``) or the ``result`` itself. ``becomes`` is ``inf`` or ``nan``: an operation appears with ``nan``
    also where its infinite inputs first become no number. ``largest`` is the largest absolute value that was met, as
    float32 has it (half precision ends at 65504), ``share`` the part of the elements that were lost.
    """

    tensor: str
    operation: str
    place: str
    becomes: str
    largest: float
    share: float


@dataclass(frozen=True)
class StressReport:
    """``outputs`` as ``CoreMLModel.run`` gives them, and every overflow in the order of the program.

    ``halves`` counts the operations that ran in half precision, ``wide`` names the types of those among them that were
    added up in float32 nevertheless.
    """

    outputs: dict[str, Any] = field(repr=False)
    overflows: tuple[Overflow, ...]
    halves: int
    wide: tuple[str, ...] = ()

    def text(self) -> str:
        """The overflows as a table of plain text."""
        lines = [self._head()]
        if self.overflows:
            rows = [("tensor", "operation", "where", "becomes", "largest", "lost"), *(_row(o) for o in self.overflows)]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            lines += ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        if self.wide:
            lines.append(f"added up in float32, because half precision is not modelled there: {', '.join(self.wide)}")
        return "\n".join(lines)

    def _head(self) -> str:
        if not self.halves:
            return "no operation is in half precision"
        if not self.overflows:
            return f"no overflow in {self.halves} operations in half precision"
        lost = len({overflow.tensor for overflow in self.overflows})
        return f"{lost} of {self.halves} operations in half precision overflow (its largest value is 65504)"


def _row(overflow: Overflow) -> tuple[str, ...]:
    largest, lost = f"{overflow.largest:.4g}", f"{overflow.share:.1%}"
    return overflow.tensor, overflow.operation, overflow.place, overflow.becomes, largest, lost


class Recorder:
    """Collects the overflows of one run."""

    def __init__(self, heal: bool = False) -> None:
        self.heal = heal
        self.operations: set[str] = set()
        self.wide: set[str] = set()
        self._found: dict[tuple[str, str, str], Overflow] = {}

    def report(self, outputs: dict[str, Any]) -> StressReport:
        """What was found."""
        found = tuple(self._found.values())
        return StressReport(outputs, found, len(self.operations), tuple(sorted(self.wide)))

    def lost(self, tensor: str, operation: str, place: str, largest: float, values: np.ndarray) -> None:
        """Note an overflow; an operation that runs again, in a loop or over two axes, keeps its largest value."""
        finite = np.isfinite(values)
        becomes = "nan" if np.isnan(values).any() else "inf"
        share = float(1 - np.count_nonzero(finite) / max(values.size, 1))
        new = Overflow(tensor, operation, place, becomes, largest, share)
        key = tensor, place, becomes
        old = self._found.get(key)
        self._found[key] = new if old is None else replace(
            old, largest=max(old.largest, new.largest), share=max(old.share, new.share)
        )  # fmt: skip

    def known(self, tensor: str) -> bool:
        """Whether the operation is noted already."""
        return any(name == tensor for name, _, _ in self._found)


class StressGraph(Graph):
    """A graph whose half-precision operations add up in half precision and are watched."""

    def __init__(self, options: Options | None, recorder: Recorder, everything: bool) -> None:
        super().__init__(options)
        self._recorder, self._everything = recorder, everything
        self._now: tuple[str, str] | None = None
        self._since = 0

    def fresh(self) -> StressGraph:
        """An empty graph of the same kind."""
        return StressGraph(self.options, self._recorder, self._everything)

    def is_half(self, dtype: Any) -> bool:
        """Whether values of *dtype* are half precision here."""
        return dtype == np.float16 or (self._everything and np.dtype(dtype).kind == "f")

    @contextlib.contextmanager
    def operation(self, name: str, kind: str, dtype: Any) -> Iterator[None]:
        """What is added while it lasts computes *name*, the result of an operation of type *kind*."""
        before = self._now, self._since
        self._now, self._since = (name, kind) if self.is_half(dtype) else None, len(self.nodes)
        if self._now and kind in _RECURRENT:
            self._recorder.wide.add(kind)
        try:
            yield
        finally:
            self._now, self._since = before

    def as_declared(self, tensor: Tensor, dtype: Any, exact: bool) -> Tensor:
        """A result, rounded and watched if it is half precision and newly computed."""
        tensor = super().as_declared(tensor, dtype, exact=True)
        if exact or self._now is None or not self.is_half(dtype):
            return tensor
        name, kind = self._now
        self._recorder.operations.add(name)
        operands = self._operands(tensor)
        watch = _Watch(self._recorder, name, kind)
        return self.host(watch, [tensor, *operands], [(np.float32, tensor.shape)])[0]

    def _operands(self, result: Tensor) -> list[Tensor]:
        """What the operation at work reads from outside of it."""
        nodes = self.nodes[self._since :]
        made = {name for node in nodes for name in node.output}
        read = dict.fromkeys(name for node in nodes for name in node.input if name and name not in made)
        tensors = [self.tensors[name] for name in read if name not in self.constants]
        if result.name not in made:
            tensors.append(result)  # a cast between two types that one carrier holds
        return [tensor for tensor in tensors if tensor.dtype == np.float32]

    def append(self, node: onnx.NodeProto, types: Mapping[str, tuple[Any, Shape | None]]) -> None:
        """Append a node, in half precision if it adds up."""
        found = NODES.get(node.op_type)
        if self._now is None or found is None or types[node.output[0]][0] != np.float32:
            super().append(node, types)
            return
        name, kind = self._now
        recorder = self._recorder
        lost = lambda largest, values: recorder.lost(name, kind, ACCUMULATION, largest, values)  # noqa: E731
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        halves = Halves(lost, recorder.heal)
        step = lambda *arrays: [found(halves, attributes, *arrays)]  # noqa: E731
        self.nodes.append(HostStep(step, tuple(node.input), tuple(node.output)))


class _Watch:
    """Rounds a result to half precision and notes where that loses it."""

    def __init__(self, recorder: Recorder, name: str, kind: str) -> None:
        self._recorder, self._name, self._kind = recorder, name, kind

    def __call__(self, result: np.ndarray, *operands: np.ndarray) -> Sequence[np.ndarray]:
        rounded = half(result)
        if np.isfinite(rounded).all():
            return [rounded]
        whole = all(np.isfinite(operand).all() for operand in operands)
        new = np.isnan(rounded).any() and not any(np.isnan(operand).any() for operand in operands)
        if new or (whole and not self._recorder.known(self._name)):
            largest = float(np.max(np.abs(result), where=~np.isnan(result), initial=0.0))
            self._recorder.lost(self._name, self._kind, RESULT, largest, rounded)
        return [np.clip(rounded, -LARGEST, LARGEST) if self._recorder.heal else rounded]
