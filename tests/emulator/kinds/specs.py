"""Protobufs of models, made by hand: coremltools converts from few versions of scikit-learn, and not from this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import model_proto

DOUBLE, FLOAT, INT = 65600, 65568, 131104  # ArrayFeatureType.ArrayDataType
SEED = 0
Features = Mapping[str, Any]


def feature(features: Any, name: str, kind: Any) -> Any:
    """Declare *name*: ``double``, ``int64``, ``string``, ``dictionary of string`` or ``of int64``, ``list of ...``, or
    the shape of an array of doubles.
    """
    made = features.add(name=name)
    if isinstance(kind, tuple):
        made.type.multiArrayType.dataType = DOUBLE
        made.type.multiArrayType.shape.extend(kind)
    elif kind.startswith("dictionary"):
        getattr(made.type.dictionaryType, f"{kind.split()[-1]}KeyType").SetInParent()
    elif kind.startswith("list"):
        getattr(made.type.sequenceType, f"{kind.split()[-1]}Type").SetInParent()
    else:
        getattr(made.type, f"{kind}Type").SetInParent()
    return made


def base(inputs: Features, outputs: Features, spec: Any = None) -> Any:
    """A model with these inputs and outputs, and nothing else."""
    spec = model_proto().Model() if spec is None else spec
    spec.specificationVersion = 4
    for name, kind in inputs.items():
        feature(spec.description.input, name, kind)
    for name, kind in outputs.items():
        feature(spec.description.output, name, kind)
    return spec


def regressor(inputs: Features, output: Any = "double") -> Any:
    """A model that predicts ``y``."""
    spec = base(inputs, {"y": output})
    spec.description.predictedFeatureName = "y"
    return spec


def classifier(kind: str, inputs: Features, labels: Sequence[Any], probabilities: bool = True) -> tuple[Any, Any]:
    """A model that predicts ``label`` and, if wanted, ``probabilities``; and its parameters."""
    word = "int64" if isinstance(labels[0], int) else "string"
    outputs = {"label": word, **({"probabilities": f"dictionary of {word}"} if probabilities else {})}
    spec = base(inputs, outputs)
    spec.description.predictedFeatureName = "label"
    spec.description.predictedProbabilitiesName = "probabilities" if probabilities else ""
    params = getattr(spec, kind)
    getattr(params, f"{word}ClassLabels").vector.extend(labels)
    return spec, params


def rows(array: np.ndarray, repeated: Any, field: str = "value") -> None:
    """Add each row of *array* as a message with a vector."""
    for row in np.atleast_2d(array):
        getattr(repeated.add(), field).extend(row.tolist())


def predicted(spec: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the model gives."""
    return CoreMLModel.from_spec(spec).predict(data)


def probabilities(spec: Any, samples: np.ndarray, name: str = "x") -> tuple[list[Any], np.ndarray]:
    """The labels of *samples*, and their probabilities in the order of the labels."""
    model = CoreMLModel.from_spec(spec)
    found = [model.predict({name: sample}) for sample in samples]
    return [one["label"] for one in found], np.array([list(one["probabilities"].values()) for one in found])
