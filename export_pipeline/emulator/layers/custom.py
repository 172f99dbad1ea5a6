"""Custom layers, whose code is in an app: here in functions that the caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...errors import EmulatorError, UnsupportedOperationError
from ..graph import Tensor
from ..registry import layer


@layer("custom", host=True)
def custom(call: Any) -> list[Tensor]:
    """The function of its class, called with the inputs, the parameters by name and the weights, if there are any."""
    p, count, name = call.params, len(call.proto.output), call.proto.name
    function = call.graph.options.custom[p.className]
    arguments = {key: _value(p.parameters[key]) for key in p.parameters}
    if len(p.weights):
        arguments["weights"] = [_stored(weight, name) for weight in p.weights]

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        try:
            found = function(*arrays, **arguments)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise EmulatorError(f"the function for custom layers of class {p.className!r} failed: {reason}") from error
        made = [np.asarray(array) for array in (found if isinstance(found, (list, tuple)) else [found])]
        if len(made) != count or any(array.dtype.kind not in "biuf" for array in made):
            gave = f"it gave {len(made)}: {', '.join(str(array.dtype) for array in made)}"
            raise EmulatorError(
                f"the function for custom layers of class {p.className!r} must give {count} arrays of numbers "
                f"for layer {name!r}; {gave}"
            )
        return made

    return list(call.graph.host(run, call.inputs, [(np.float32, None)] * count, f"custom layer {p.className}"))


def _value(proto: Any) -> Any:
    field = proto.WhichOneof("value")
    return getattr(proto, field) if field else None


def _stored(weight: Any, name: str) -> np.ndarray:
    """The weights in a row: the format tells no shape of a custom layer's."""
    from ..network_weights import count_of, decode

    return decode(weight, (count_of(weight),), f"layer {name!r}")


def refuse_missing(networks: Iterator[Any], given: Iterable[str], label: str) -> None:
    """Raise UnsupportedOperationError that names every class of custom layers without a function."""
    used = {layer.custom.className for layer in networks if layer.WhichOneof("layer") == "custom"}
    if missing := sorted(name if name.isprintable() else ascii(name) for name in used - set(given)):
        first = missing[0] if missing[0] else "CLASS"
        raise UnsupportedOperationError(
            f"{label} has custom layers of class {', '.join(map(repr, missing))}, whose code is in an app, not in the "
            f"file; give a function for each: CoreMLModel(path, custom={{{first!r}: function}})"
        )
