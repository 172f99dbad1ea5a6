"""What puts numbers together, takes them apart or scales them. Source: the .proto file of each in Core ML's format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...errors import EmulatorError
from ..registry import kind
from .call import Kind
from .categories import keyed, keys_of

_NORMS: dict[int, Callable[[np.ndarray], Any]] = {
    0: np.max,
    1: lambda x: np.abs(x).sum(),
    2: lambda x: np.sqrt((x**2).sum()),
}


@kind("featureVectorizer")
def feature_vectorizer(model: Kind) -> Any:
    """The inputs of a list one after the other in one array; a dictionary's numbers at its keys, 0 elsewhere."""
    columns = [(model.declares(c.inputColumn), int(c.inputDimensions)) for c in model.params.inputList]
    ports, output = {port.name: port for port in model.inputs}, model.only("output")
    if not columns:
        raise model.wrong("has no inputs in its list")
    for name, size in columns:
        port = ports[name]
        if keys_of(model, name) == "int64KeyType":
            model.options.room((size,), 8)
            continue
        known = port.kind == "tensor" and port.shape and not port.sizes and not port.bounds
        held = int(np.prod(port.closed_shape)) if known else 1 if port.dtype in ("int64", "float64") else size
        if port.dtype in ("string", "dictionary", "sequence") or held != size:
            raise model.wrong(f"takes {size} numbers from the input {name!r}, which is no array of as many")

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        parts = [_part(model, name, size, model.given(values, name)) for name, size in columns]
        for (name, size), part in zip(columns, parts, strict=True):
            if part.size != size:
                raise EmulatorError(f"input {name!r} of {model.source.label} takes {size} numbers, not {part.size}")
        return model.made(output, np.concatenate(parts))

    return run


def _part(model: Kind, name: str, size: int, given: Any) -> np.ndarray:
    """What the input *name* adds."""
    if not isinstance(given, Mapping):
        return np.asarray(given, np.float64).reshape(-1)
    part = np.zeros(size)
    for place, number in keyed(model, name, given).items():
        if not 0 <= place < size:
            raise EmulatorError(f"input {name!r} of {model.source.label} has the key {place}; allowed: 0 to {size - 1}")
        part[place] = number
    return part


@kind("arrayFeatureExtractor")
def array_feature_extractor(model: Kind) -> Any:
    """The values of an array at given places, counted from 0."""
    name, output, places = model.only(), model.only("output"), [int(i) for i in model.params.extractIndex]
    if not places:
        raise model.wrong("has no places to take values from")
    model.needs(max(places) + 1, at_least=True)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        array = np.asarray(model.given(values, name)).reshape(-1)
        if max(places) >= array.size:
            raise EmulatorError(
                f"input {name!r} of {model.source.label} has {array.size} values, none at {max(places)}"
            )
        return model.made(output, array[places])

    return run


@kind("scaler")
def scaler(model: Kind) -> Any:
    """``scale * (x + shift)``, with one scale and shift for each value or one for all."""
    name, output = model.only(), model.only("output")
    shift = np.array(model.params.shiftValue or [0.0], np.float64)
    scale = np.array(model.params.scaleValue or [1.0], np.float64)
    sizes = {size for size in (shift.size, scale.size) if size != 1}
    if len(sizes) > 1:
        raise model.wrong(f"has {shift.size} shifts and {scale.size} scales")
    for size in sizes:
        model.needs(size)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        x = np.asarray(model.given(values, name), np.float64)
        if sizes and x.size not in sizes:
            raise EmulatorError(f"input {name!r} of {model.source.label} takes {max(sizes)} numbers, not {x.size}")
        return model.made(output, (scale * (x.reshape(-1) + shift)).reshape(x.shape))

    return run


@kind("normalizer")
def normalizer(model: Kind) -> Any:
    """An array over its greatest value, the sum of absolute values or the Euclidean norm; over 0 it stays as it is."""
    norm = model.choice("normType", _NORMS)
    name, output = model.only(), model.only("output")

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        x = np.asarray(model.given(values, name), np.float64)
        length = norm(x) if x.size else 0.0
        return model.made(output, x / length if length else x)

    return run


@kind("identity")
def identity(model: Kind) -> Any:
    """Inputs as outputs: of the same name, else in their order."""
    inputs, outputs = [f.name for f in model.description.input], [f.name for f in model.description.output]
    if len(inputs) != len(outputs):
        raise model.wrong(f"has {len(inputs)} inputs and {len(outputs)} outputs")
    pairs = dict(zip(outputs, inputs, strict=True))
    if set(inputs) == set(outputs):
        pairs = {name: name for name in outputs}

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for output, name in pairs.items():
            found |= model.made(output, model.given(values, name))
        return found

    return run
