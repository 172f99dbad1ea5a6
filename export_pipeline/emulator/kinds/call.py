"""What the function of a kind is handed: the parameters of the model, and its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ...errors import EmulatorError
from ..classifiers import class_labels
from ..features import features
from ..program import Source
from ..tensors import Options
from .outputs import as_declared

Choice = TypeVar("Choice")
_NUMBERS = ("int64", "float64")


class Kind:
    """A model while it is prepared, and the means to read its inputs and to make its outputs."""

    def __init__(self, source: Source, options: Options) -> None:
        self.source, self.options = source, options
        self.params = getattr(source.spec, source.kind)
        self.description = source.spec.description
        self.inputs, self.outputs = features(source)

    def wrong(self, problem: str) -> EmulatorError:
        """The error to raise for parameters that no valid model has."""
        return EmulatorError(f"{self.source.label} is malformed: its {self.source.kind} {problem}")

    def choice(self, field: str, choices: Mapping[int, Choice]) -> Choice:
        """What the number in an enumerated field stands for."""
        number = int(getattr(self.params, field))
        if number not in choices:
            raise self.wrong(f"has {field} {number}, which is not known")
        return choices[number]

    @cached_property
    def labels(self) -> list[Any]:
        """The labels of a classifier, each once."""
        labels = class_labels(self.params)
        if not labels:
            raise self.wrong("has no class labels")
        if len(set(labels)) != len(labels):
            raise self.wrong("has a class label twice")
        return labels

    @cached_property
    def width(self) -> int | None:
        """How many numbers all inputs hold together, None where the file leaves it open."""
        total = 0
        for port in self.inputs:
            if port.kind != "tensor" and port.dtype not in _NUMBERS:
                raise self.wrong(f"has the input {port.name!r} of {port.dtype}, where numbers belong")
            if port.kind == "tensor" and (not port.shape or port.sizes or port.bounds):
                return None
            total += int(np.prod(port.closed_shape))
        return total

    def needs(self, width: int, at_least: bool = False) -> None:
        """Refuse the model if its inputs cannot hold *width* numbers."""
        if self.width is not None and (self.width < width if at_least else self.width != width):
            raise self.wrong(f"is for {width} numbers, but its inputs hold {self.width}")

    def vector(self, values: Mapping[str, Any], width: int, missing: float | None = None) -> np.ndarray:
        """All inputs one after the other as one float64 vector of *width* numbers, *missing* where one is left out."""
        parts = []
        for port in self.inputs:
            if port.name in values:
                parts.append(np.asarray(values[port.name], np.float64).reshape(-1))
            elif missing is None:
                raise self.left_out(port.name)
            else:
                parts.append(np.full(int(np.prod(port.closed_shape)), missing))
        found = np.concatenate(parts) if parts else np.zeros(0)
        if found.size != width:
            raise EmulatorError(f"{self.source.label} takes {width} numbers, not {found.size}")
        return found

    def given(self, values: Mapping[str, Any], name: str) -> Any:
        """The value of the input *name*."""
        if name not in values:
            raise self.left_out(name)
        return values[name]

    def left_out(self, name: str) -> EmulatorError:
        """The error to raise for an optional input without which the model cannot do."""
        return EmulatorError(f"input {name!r} of {self.source.label} has no default value: pass it")

    def declares(self, name: str, side: str = "input") -> str:
        """*name*, which the parameters refer to. Raises EmulatorError if the model has no such input or output."""
        if name not in {feature.name for feature in getattr(self.description, side)}:
            raise self.wrong(f"refers to the {side} {name!r}, which the model does not declare")
        return name

    def only(self, side: str = "input") -> str:
        """The name of the only input or output."""
        declared = getattr(self.description, side)
        if len(declared) != 1:
            raise self.wrong(f"has {len(declared)} {side}s; allowed: 1")
        return str(declared[0].name)

    def type_of(self, name: str, side: str = "input") -> str:
        """The declared type of an input or output, as the protobuf names it. The two may have one name."""
        declared = getattr(self.description, side)
        return str(next(feature.type.WhichOneof("Type") for feature in declared if feature.name == name))

    def made(self, name: str, value: Any) -> dict[str, Any]:
        """The one output *name* as its description declares it."""
        feature = next(feature for feature in self.description.output if feature.name == name)
        return {name: as_declared(feature, value, self.source.label)}

    def regression(self) -> Callable[[Any], dict[str, Any]]:
        """A function from predicted numbers to the output of a regressor."""
        name = self.description.predictedFeatureName or self.only("output")
        self.declares(name, "output")
        declared = self.type_of(name, "output")
        if declared not in ("doubleType", "int64Type", "multiArrayType"):
            raise self.wrong(f"has the output {name!r} of {declared}, where numbers belong")
        return lambda numbers: self.made(name, numbers)

    def classification(self, probable: bool = True) -> Callable[[Any, Sequence[float]], dict[str, Any]]:
        """A function from a label and the probabilities of :attr:`labels` to the outputs of a classifier.

        Where there are no probabilities (not *probable*), an output for them is refused.
        """
        name = self.description.predictedFeatureName
        dictionary = self.description.predictedProbabilitiesName
        self.declares(name, "output")
        names = [feature.name for feature in self.description.output]
        other = [found for found in names if found not in (name, dictionary)]
        if other:
            raise self.wrong(f"has the output {other[0]!r}, which is neither the label nor the probabilities")
        if dictionary in names and not probable:
            raise self.wrong(f"has the output {dictionary!r}, but no parameters to make probabilities from")

        def outputs(label: Any, probabilities: Sequence[float]) -> dict[str, Any]:
            found = self.made(name, label)
            if dictionary in names:
                numbers = (float(number) for number in probabilities)
                found |= self.made(dictionary, dict(zip(self.labels, numbers, strict=True)))
            return found

        return outputs
