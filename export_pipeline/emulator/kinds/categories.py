"""Categories and dictionaries to numbers. Source: the .proto file of each kind in Core ML's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import EmulatorError
from ..registry import kind
from .call import Kind

_TEXT, _WHOLE = "stringType", "int64Type"


def keys_of(model: Kind, name: str) -> str | None:
    """``stringKeyType`` or ``int64KeyType`` of the input *name*, None if it is no dictionary."""
    feature = next(f for f in model.description.input if f.name == name)
    return str(feature.type.dictionaryType.WhichOneof("KeyType")) if model.type_of(name) == "dictionaryType" else None


def keyed(model: Kind, name: str, value: Mapping[Any, float], texts: bool | None = None) -> dict[Any, float]:
    """A dictionary with keys of the declared type, or as *texts* says.

    JSON knows texts only, so those of whole numbers may be texts.
    """
    if texts is None:
        texts = keys_of(model, name) != "int64KeyType"
    if texts:
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise EmulatorError(f"input {name!r} takes a dictionary with texts as keys, not {wrong[0]!r}")
        return dict(value)
    try:
        return {int(key): number for key, number in value.items()}
    except ValueError:
        raise EmulatorError(f"input {name!r} takes a dictionary with whole numbers as keys") from None


def listed(model: Kind, field: str, texts: str) -> tuple[list[Any], bool]:
    """The values of the vector that is set, each once, and whether they are texts."""
    name = model.params.WhichOneof(field)
    if name is None or not len(getattr(model.params, name).vector):
        raise model.wrong("has no categories")
    found = list(getattr(model.params, name).vector)
    if len(set(found)) != len(found):
        raise model.wrong("has a category twice")
    return found, name == texts


@kind("dictVectorizer")
def dict_vectorizer(model: Kind) -> Any:
    """The values of a dictionary at the places of their keys, 0 elsewhere.

    A key without a place is left out. The format's text asks for none, but Apple's tests of Core ML give such keys and
    expect what scikit-learn makes of them.
    """
    keys, texts = listed(model, "Map", "stringToIndex")
    name, output = model.only(), model.only("output")
    # Core ML Tools declares texts for every DictVectorizer of scikit-learn; whether they are, the mapping says.
    if keys_of(model, name) not in (("stringKeyType",) if texts else ("int64KeyType", "stringKeyType")):
        raise model.wrong(f"maps {'texts' if texts else 'whole numbers'}, but its input {name!r} holds none")
    places = {key: place for place, key in enumerate(keys)}

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        found = keyed(model, name, model.given(values, name), texts)
        given = {key: number for key, number in found.items() if key in places}
        if model.type_of(output, "output") == "dictionaryType":
            return model.made(output, {places[key]: float(number) for key, number in given.items()})
        array = np.zeros(len(keys))
        for key, number in given.items():
            array[places[key]] = number
        return model.made(output, array)

    return run


@kind("oneHotEncoder")
def one_hot_encoder(model: Kind) -> Any:
    """1 at the place of the category, 0 elsewhere: an array, or a dictionary of that one place."""
    categories, texts = listed(model, "CategoryType", "stringCategories")
    strict = model.choice("handleUnknown", {0: True, 1: False})
    name, output = model.only(), model.only("output")
    if model.type_of(name) != (_TEXT if texts else _WHOLE):
        raise model.wrong(f"encodes {'texts' if texts else 'whole numbers'}, but its input is of {model.type_of(name)}")
    sparse = bool(model.params.outputSparse)
    declared = model.type_of(output, "output")
    if (declared == "dictionaryType") != sparse:
        raise model.wrong(f"gives {'a dictionary' if sparse else 'an array'}, but declares {declared}")
    places = {category: place for place, category in enumerate(categories)}

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        given = model.given(values, name)
        if strict and given not in places:
            known = ", ".join(map(repr, categories[:10])) + (", ..." if len(categories) > 10 else "")
            raise EmulatorError(f"input {name!r} of {model.source.label} is {given!r:.60}; allowed: {known}")
        place = places.get(given)
        if sparse:
            return model.made(output, {} if place is None else {place: 1.0})
        array = np.zeros(len(categories))
        if place is not None:
            array[place] = 1.0
        return model.made(output, array)

    return run


@kind("categoricalMapping")
def categorical_mapping(model: Kind) -> Any:
    """A text to a whole number or the other way round; an unknown one to the default, without one an error."""
    field = model.params.WhichOneof("MappingType")
    if field is None:
        raise model.wrong("has no mapping")
    table = dict(getattr(model.params, field).map)
    name, output = model.only(), model.only("output")
    wanted = (_TEXT, _WHOLE) if field == "stringToInt64Map" else (_WHOLE, _TEXT)
    found = (model.type_of(name), model.type_of(output, "output"))
    if found != wanted:
        raise model.wrong(f"maps {wanted[0]} to {wanted[1]}, but declares {found[0]} and {found[1]}")
    fallback = model.params.WhichOneof("ValueOnUnknown")
    if fallback is not None and fallback != ("int64Value" if wanted[1] == _WHOLE else "strValue"):
        raise model.wrong(f"has a default of another type than {wanted[1]}")

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        given = model.given(values, name)
        if given not in table and fallback is None:
            raise EmulatorError(f"input {name!r} of {model.source.label} is {given!r:.60}, which it does not map")
        return model.made(output, table[given] if given in table else getattr(model.params, str(fallback)))

    return run
