"""Gives ``coremltools.models.MLModel`` a working ``predict`` where Core ML itself is not there."""

from __future__ import annotations

import functools
import sys
from typing import Any

from .coremltools_quietly import coremltools
from .session import CoreMLModel

_MARK = "_export_pipeline_emulator"


def install() -> bool:
    """Make ``MLModel.predict`` run models here, through the emulator.

    Does nothing on macOS, where Core ML runs them, and nothing the second time. Returns whether the emulator is in
    use. ``predict`` then takes what Apple's takes: a dictionary, or a list of them for a batch.
    """
    if sys.platform == "darwin":
        return False
    model_class = coremltools().models.MLModel
    original = model_class.predict
    if getattr(original, _MARK, False):
        return True

    @functools.wraps(original)
    def predict(self: Any, data: Any, state: Any = None) -> Any:
        if state is not None:
            return original(self, data, state)
        model = _emulated(self)
        if isinstance(data, list):
            return [model.predict(item) for item in data]
        return model.predict(data)

    setattr(predict, _MARK, True)
    model_class.predict = predict
    return True


def _emulated(model: Any) -> CoreMLModel:
    """The emulated twin of an MLModel, made on first use and anew if its protobuf has changed since."""
    spec = model.get_spec()
    key = spec.SerializeToString(deterministic=True)
    kept = getattr(model, _MARK, None)
    if kept is None or kept[0] != key:
        kept = (key, CoreMLModel.from_spec(spec, model.weights_dir))
        setattr(model, _MARK, kept)
    twin: CoreMLModel = kept[1]
    return twin
