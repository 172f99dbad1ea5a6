"""A Keras archive has no time in it, and is read as any other."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import tf_keras as keras

from export_pipeline.formats.keras.archive import save_archive


def test_one_network_is_the_same_bytes_whenever_it_is_written(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
    found = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        save_archive(model, folder / "network.keras")
        found.append((folder / "network.keras").read_bytes())
        if len(found) == 1:
            time.sleep(1.1)  # the time of writing has seconds
    assert found[0] == found[1]
    images = np.ones((2, 4), np.float32)
    again = keras.models.load_model(tmp_path / "one" / "network.keras", compile=False)
    np.testing.assert_array_equal(again(images), model(images))
