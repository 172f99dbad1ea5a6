"""Lists a model that is neither a network nor a program: one step, with its settings in words."""

from __future__ import annotations

from ..features import features
from ..kinds.stored import stored_numbers
from ..program import Source
from .network import settings
from .neural_engine import notes
from .nouns import Body, Listing, Step, Value, listing_of


def kind_listing(source: Source) -> Listing:
    """The model as one step."""
    takes, gives = features(source)
    inputs = tuple(Value(port.name, port.dtype, port.shape) for port in takes)
    outputs = tuple(Value(port.name, port.dtype, port.shape) for port in gives)
    found = [(name, f"<{values.size:,} {dtype}>") for name, values, dtype, _, _ in stored_numbers(source)]
    named = {name for name, _ in found}
    settled = [(name, words) for name, words in settings(getattr(source.spec, source.kind)) if name not in named]
    arguments = (("", ", ".join(value.name for value in inputs)), *settled, *found)
    nbytes = sum(size for *_, size in stored_numbers(source))
    step = Step(source.kind, outputs, tuple((name, words) for name, words in arguments if words), nbytes)
    bodies = [Body("model", inputs, (step,), tuple(value.name for value in outputs))]
    return listing_of(bodies, notes(source, bodies))
