"""Lists a neural network layer by layer. Shapes are those of the file, else those that the emulator works out."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from ...errors import EmulatorError
from ..features import features
from ..graph import Graph, Options
from ..guard import guarded
from ..lower_network import NetworkBlock, nested
from ..network_io import network_input
from ..network_weights import stored, weight_fields
from ..program import Source
from ..registry import layers
from .neural_engine import notes
from .nouns import Body, Listing, Shape, Step, Value, listing_of

_DEEPEST = 64
_FEW = 8  # values that are written out
_NESTED = {"branch": ("then", "else"), "loop": ("while", "do")}
_TYPE = "float32"  # the format has no types


def network_listing(source: Source) -> Listing:
    """The network and what may keep it off the Neural Engine."""
    found, _ = features(source)
    inputs = tuple(Value(feature.name, feature.dtype, feature.shape) for feature in found)
    outputs = tuple(feature.name for feature in source.spec.description.output)
    bodies = [Body("network", inputs, _steps(source.network, _worked_out(source), 0), outputs)]
    return listing_of(bodies, notes(source, bodies))


def _worked_out(source: Source) -> dict[str, Shape | None]:
    """Shapes by name as far as the layers can be lowered for the default sizes of the inputs."""
    graph = Graph(Options(label=source.label))
    env: dict[Any, Any] = {}
    with contextlib.suppress(EmulatorError), guarded(source.label):
        _lower(source, graph, env)  # a listing shows what it can; running the model says what is wrong
    return {name: tensor.shape for name, tensor in env.items()}


def _lower(source: Source, graph: Graph, env: dict[Any, Any]) -> None:
    """As far as the layers are known."""
    shapes = {feature.name: feature.closed_shape for feature in features(source)[0]}
    for feature in source.spec.description.input:
        env[feature.name] = network_input(graph, source.network, feature, shapes[feature.name])
    known = itertools.takewhile(lambda layer: layer.WhichOneof("layer") in layers(), source.network.layers)
    NetworkBlock(list(known), []).lower(graph, env)


def _steps(network: Any, shapes: dict[str, Shape | None], depth: int) -> tuple[Step, ...]:
    if depth > _DEEPEST:
        raise EmulatorError(f"the model nests networks more than {_DEEPEST} deep")
    return tuple(_step(layer, shapes, depth) for layer in network.layers)


def _step(layer: Any, shapes: dict[str, Shape | None], depth: int) -> Step:
    kind = str(layer.WhichOneof("layer"))
    params = getattr(layer, kind, None)
    declared = list(layer.outputTensor)
    outputs = tuple(
        Value(name, _TYPE, _declared(declared[i]) if i < len(declared) else shapes.get(name))
        for i, name in enumerate(layer.output)
    )
    weights = list(weight_fields(params)) if params is not None else []
    titles = _NESTED.get(kind, ())
    blocks = tuple(
        Body(title, (), _steps(inner, shapes, depth + 1), ())
        for title, inner in zip(titles, nested(layer), strict=False)
    )
    arguments = [("", ", ".join(layer.input)), *((name, _weight_words(weight)) for name, weight in weights)]
    arguments += [] if blocks else list(settings(params))
    sizes = sum(stored(weight).nbytes for _, weight in weights)
    return Step(kind, outputs, tuple((name, words) for name, words in arguments if words), sizes, blocks)


def _declared(tensor: Any) -> Shape:
    return tuple(int(size) if size > 0 else None for size in tensor.dimValue)


def _weight_words(weight: Any) -> str:
    """Such as ``<8-bit per-channel affine, 2,187 bytes>``."""
    how = stored(weight)
    kind = how.dtype
    if kind.startswith("lut"):
        kind = f"{how.bits}-bit palettized ({1 << how.bits} entries)"
    elif kind.endswith("affine"):
        many = len(weight.quantization.linearQuantization.scale) > 1
        kind = f"{how.bits}-bit {'per-channel' if many else 'per-tensor'} affine"
    return f"<{kind}, {how.nbytes:,} bytes>"


def settings(params: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The plain fields of a layer, or of another kind of model, that are set, those of nested messages too."""
    if params is None or depth > 3:
        return
    for field, value in params.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            yield from _mapped(field, value, prefix)
        elif field.message_type is None:
            many = hasattr(value, "__len__") and not isinstance(value, str | bytes)
            numbers = list(value) if many else [value]
            if len(numbers) <= _FEW:
                words = [_plain(field, number) for number in numbers]
                yield prefix + field.name, f"[{', '.join(words)}]" if many else words[0]
        elif field.message_type.name == "WeightParams" or hasattr(value, "__len__"):
            continue
        elif not value.ListFields():
            yield prefix + field.name, "yes"  # a choice without settings, such as ReLU
        else:
            yield from settings(value, f"{prefix}{field.name}.", depth + 1)


def _mapped(field: Any, value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """The entries of a map, such as the parameters of a custom layer, if they are few."""
    for key in sorted(value)[:_FEW]:
        entry, name = value[key], f"{prefix}{field.name}.{ascii(key)[1:-1][:60]}"
        if hasattr(entry, "ListFields"):
            yield from ((name, _plain(inner, number)) for inner, number in entry.ListFields())
        else:
            yield name, ascii(entry)[:60]


def _plain(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(known.name) if known else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.6g}"
    return ascii(value)[:60]
