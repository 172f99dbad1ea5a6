"""Gives ``coremltools.models.MLModel`` a working ``predict`` where Core ML itself is not there."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .coremltools_quietly import coremltools
from .session import CoreMLModel

_MARK = "_export_pipeline_emulator"


def install() -> bool:
    """Make ``MLModel.predict`` run models here, through the emulator.

    Does nothing on macOS, where Core ML runs them, and nothing the second time. Returns whether the emulator is in
    use. ``predict`` then takes what Apple's takes, a dictionary or a list of them for a batch, and raises RuntimeError
    where a prediction fails, as Apple's does. A model that cannot be read or lowered is an EmulatorError.
    """
    if sys.platform == "darwin":
        return False
    model_class = coremltools().models.MLModel
    original = model_class.predict
    if getattr(original, _MARK, False):
        return True

    @functools.wraps(original)
    def predict(self: Any, data: Any, state: Any = None) -> Any:
        model = _emulated(self)
        try:
            if isinstance(data, list):
                return [model.predict(item) for item in data]
            return model.predict(data, None if state is None else state.__proxy__.arrays)
        except EmulatorError as error:
            # What Core ML raises, for scripts that expect that.
            raise RuntimeError(f"Unable to compute the prediction using ML Program: {error}") from error

    @functools.wraps(model_class.make_state)
    def make_state(self: Any) -> Any:
        return coremltools().models.model.MLState(_State(_emulated(self).make_state()))

    setattr(predict, _MARK, True)
    model_class.predict = predict
    model_class.make_state = make_state
    return True


class _State:
    """What an MLState asks for its values."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays

    def read_state(self, name: str) -> np.ndarray:
        """The value of one state."""
        return np.array(self._known(name))

    def write_state(self, name: str, value: Any) -> None:
        """Set one state."""
        old = self._known(name)
        array = np.asarray(value, old.dtype)
        if array.shape != old.shape:
            raise EmulatorError(f"state {name!r} has shape {old.shape}, not {array.shape}")
        self.arrays[name] = array.copy()

    def _known(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise EmulatorError(f"there is no state {name!r}; states: {', '.join(self.arrays) or 'none'}")
        return self.arrays[name]


def _emulated(model: Any) -> CoreMLModel:
    """The emulated twin of an MLModel, made on first use and anew if its protobuf has changed since."""
    spec = model.get_spec()
    function = getattr(model, "function_name", None)
    key = (spec.SerializeToString(deterministic=True), function)
    kept = getattr(model, _MARK, None)
    if kept is None or kept[0] != key:
        kept = (key, CoreMLModel.from_spec(spec, model.weights_dir, function=function))
        setattr(model, _MARK, kept)
    twin: CoreMLModel = kept[1]
    return twin
