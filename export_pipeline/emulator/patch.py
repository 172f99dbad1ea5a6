"""Gives ``coremltools.models.MLModel`` a working ``predict`` where Core ML itself is not there."""

from __future__ import annotations

import functools
import sys
import time
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .coremltools_quietly import coremltools
from .session import CoreMLModel

_MARK = "_export_pipeline_emulator"


def install() -> bool:
    """Make ``MLModel.predict`` run models here, through the emulator.

    Does nothing on macOS, where Core ML runs them, and nothing the second time. Returns whether the emulator is in
    use. ``predict`` then takes what Apple's takes, a dictionary or a list of them for a batch, gives colour images in
    mode RGBA as Apple's does, and raises RuntimeError where a prediction fails. A model that cannot be read or lowered
    is an EmulatorError, which is one.

    As on a Mac, a model runs as it was when it was opened: make a new MLModel to run an edited protobuf. It counts as
    loaded, so that the tools of coremltools that look into a model as it runs (``MLModelInspector``,
    ``MLModelComparator``, ``MLModelBenchmarker``) do so here; the times that they tell are the emulator's.
    """
    if sys.platform == "darwin":
        return False
    model_class = coremltools().models.MLModel
    original = model_class.predict
    if getattr(original, _MARK, False):
        return True

    @functools.wraps(original)
    def predict(self: Any, data: Any, state: Any = None) -> Any:
        type(self)._check_predict_data(data)
        held = _held(data, state)
        loaded = _emulated(self)
        for item in data if isinstance(data, list) else [data]:
            self._verify_input_dict(item)  # its own errors for wrong names and images
        try:
            if isinstance(data, list):
                return [_as_apple(loaded.predict(item)) for item in data]
            return _as_apple(loaded.predict(data, held))
        except EmulatorError as error:
            # What Core ML raises, for scripts that expect that.
            raise RuntimeError(f"Unable to compute the prediction using ML Program: {error}") from error

    @functools.wraps(model_class.make_state)
    def make_state(self: Any) -> Any:
        return coremltools().models.model.MLState(_State(_emulated(self).twin.make_state()))

    setattr(predict, _MARK, True)
    model_class.predict = predict
    model_class.make_state = make_state
    model_class.__proxy__ = _PROXY
    return True


def _as_apple(outputs: dict[str, Any]) -> dict[str, Any]:
    """Colour images as Apple's binding hands them out: with an opaque fourth channel."""
    return {name: v.convert("RGBA") if getattr(v, "mode", None) == "RGB" else v for name, v in outputs.items()}


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


def _held(data: Any, state: Any) -> dict[str, np.ndarray] | None:
    """The values behind an MLState. Raises TypeError where coremltools would not take it."""
    if state is None:
        return None
    proxy = getattr(state, "__proxy__", None)
    if not isinstance(proxy, _State):
        raise TypeError(f"state takes what this model's make_state() gives, not {type(state).__name__}")
    if isinstance(data, list):
        raise TypeError("a state goes with one dictionary of inputs, not with a list of them")
    return proxy.arrays


class _Loaded:
    """The emulated twin of an MLModel, and what coremltools asks of a model that Core ML has loaded."""

    def __init__(self, model: Any, function: str | None) -> None:
        began = time.perf_counter_ns()
        # The twin keeps a copy, so that an edited protobuf never runs in part.
        self.twin = CoreMLModel.from_spec(model.get_spec(), model.weights_dir, function=function)
        self.made_from = (model._spec, function)
        self._loading = time.perf_counter_ns() - began
        self._last: int | None = None

    def predict(self, inputs: dict[str, Any], state: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
        """What the twin gives."""
        began = time.perf_counter_ns()
        outputs = self.twin.predict(inputs, state)
        self._last = time.perf_counter_ns() - began
        return outputs

    def get_load_duration_in_nano_seconds(self) -> int:
        """How long the emulator took to read and lower the model."""
        return self._loading

    def get_last_predict_duration_in_nano_seconds(self) -> int | None:
        """How long the last prediction took, if there was one."""
        return self._last

    def get_compiled_model_path(self) -> str:
        """There is none: Core ML alone compiles."""
        raise RuntimeError("This model was not loaded or compiled with the Core ML Framework: the emulator runs it.")


def _emulated(model: Any) -> _Loaded:
    """The emulated twin of an MLModel, made on first use: reading and comparing its weights each time would cost more
    than running it.
    """
    spec, function = model._spec, getattr(model, "function_name", None)
    kept: _Loaded | None = getattr(model, _MARK, None)
    if kept is None or kept.made_from[0] is not spec or kept.made_from[1] != function:
        kept = _Loaded(model, function)
        setattr(model, _MARK, kept)
    return kept


def _loaded(model: Any) -> _Loaded | None:
    """The twin, or ``None`` as of a model that Core ML cannot load."""
    try:
        return _emulated(model)
    except EmulatorError:
        return None


# Where coremltools keeps what Core ML has loaded; its constructor puts None there.
_PROXY = property(_loaded, lambda model, value: None)
