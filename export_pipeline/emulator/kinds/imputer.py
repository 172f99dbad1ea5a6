"""Values in the place of missing ones. Source: Imputer.proto, and coremltools' own check of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..registry import kind
from .call import Kind
from .categories import keyed

# What is imputed: the types of inputs it goes with, and the field that says which value counts as missing.
_FITS = {
    "imputedDoubleValue": (("doubleType", "multiArrayType"), "replaceDoubleValue"),
    "imputedInt64Value": (("int64Type", "multiArrayType"), "replaceInt64Value"),
    "imputedStringValue": (("stringType",), "replaceStringValue"),
    "imputedDoubleArray": (("multiArrayType",), "replaceDoubleValue"),
    "imputedInt64Array": (("multiArrayType",), "replaceInt64Value"),
    "imputedStringDictionary": (("dictionaryType",), None),
    "imputedInt64Dictionary": (("dictionaryType",), None),
}


@kind("imputer")
def imputer(model: Kind) -> Any:
    """The input with the imputed value where it is missing.

    Missing is an input that is left out, what equals the value to replace, and without such a value NaN. Of a
    dictionary a key that is left out, or whose value is NaN, is missing.
    """
    field = model.params.WhichOneof("ImputedValue")
    if field is None:
        raise model.wrong("has no value to impute")
    types, replaced = _FITS[field]
    name, output, replace = model.only(), model.only("output"), model.params.WhichOneof("ReplaceValue")
    if model.type_of(name) not in types:
        raise model.wrong(f"has {field}, which does not go with an input of {model.type_of(name)}")
    if replace not in (None, replaced):
        raise model.wrong(f"has {field}, which does not go with {replace}")
    marker = getattr(model.params, replace) if replace else np.nan
    value = _imputed(model, field)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        if name not in values:
            return model.made(output, value)
        given = values[name]
        if isinstance(value, dict):
            known = {key: number for key, number in keyed(model, name, given).items() if number == number}
            return model.made(output, {**value, **known})
        if isinstance(given, str):
            return model.made(output, value if given == marker else given)
        array = np.asarray(given)
        missing = np.isnan(array) if marker != marker else array == marker
        filled = np.broadcast_to(np.reshape(value, array.shape) if np.size(value) > 1 else value, array.shape)
        return model.made(output, np.where(missing, filled, array))

    return run


def _imputed(model: Kind, field: str) -> Any:
    value = getattr(model.params, field)
    if field.endswith("Dictionary"):
        wanted = "stringKeyType" if field == "imputedStringDictionary" else "int64KeyType"
        if model.description.input[0].type.dictionaryType.WhichOneof("KeyType") != wanted:
            raise model.wrong(f"has {field}, whose keys are not those of its input")
        return dict(value.map)
    if not field.endswith("Array"):
        return value
    array = np.array(value.vector)
    if not array.size:
        raise model.wrong("has no values to impute")
    model.needs(array.size)
    return array
