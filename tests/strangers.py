"""Networks of other people: made with Keras 3 in a process of its own, and with Keras 2 here."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.shared import shared

ROOT = Path(__file__).parent.parent


@cache
def keras3() -> Path:
    """A folder with what :mod:`tests.keras3_networks` saves."""
    return shared("keras3", _save_keras3)


def _save_keras3(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    program = [sys.executable, "-m", "tests.keras3_networks", str(folder)]
    done = subprocess.run(program, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@cache
def keras2(name: str, end: str) -> Path:
    """One of :data:`BUILDERS` as a ``.keras`` or ``.h5`` file, or for no *end* as a SavedModel folder."""
    path = _keras2_folder() / f"{name}{end}"
    _keras2_network(name).save(path, **({} if end else {"save_format": "tf"}))
    return path


@cache
def _keras2_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="keras2-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _keras2_network(name: str) -> Any:
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    return BUILDERS[name]()


def unet() -> Any:
    """A U-Net with a transposed convolution, for pictures 0..255 of any even size."""
    import tf_keras as keras

    image = keras.Input((None, None, 3), name="image")
    first = _convolution(8)(keras.layers.Rescaling(1 / 255)(image))
    below = _convolution(16, strides=2)(first)
    above = keras.layers.Conv2DTranspose(8, 3, 2, "same", activation="relu")(below)
    joined = keras.layers.Concatenate()([first, above])
    return keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid", name="mask")(joined))


def lstm() -> Any:
    """A series of any length in, two numbers out."""
    import tf_keras as keras

    series = keras.Input((None, 5), name="series")
    found = keras.layers.LSTM(8)(keras.layers.LSTM(8, return_sequences=True)(series))
    return keras.Model(series, keras.layers.Dense(2, name="level")(found))


def nested() -> Any:
    """Transfer learning: a network inside a sequential one, with arithmetic before it."""
    import tf_keras as keras

    image = keras.Input((16, 16, 3), name="image")
    inside = keras.Model(image, keras.layers.GlobalAveragePooling2D()(_convolution(8)(image / 127.5 - 1.0)))
    return keras.Sequential([keras.Input((16, 16, 3), name="image"), inside, keras.layers.Dense(4, name="classes")])


def _convolution(filters: int, strides: int = 1) -> Any:
    import tf_keras as keras

    return keras.layers.Conv2D(filters, 3, strides, "same", activation="relu")


BUILDERS: dict[str, Callable[[], Any]] = {"unet": unet, "lstm": lstm, "nested": nested}
