"""A Keras network from any file that Keras saves: archives of Keras 2 and 3, whole ``.h5`` files, SavedModel folders.

What a file is, its first bytes say, not its suffix. Nothing that a file names is imported, and no graph in it is run.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export_pipeline.base.documents import parsed
from export_pipeline.errors import ModelError
from export_pipeline.formats.keras.foreign import refuse_foreign
from export_pipeline.formats.keras.library import keras
from export_pipeline.formats.runtime import reading

_WHAT = "a network saved by Keras"
_HDF5, _ZIP = b"\x89HDF", b"PK\x03\x04"
_ALLOWED = "a .keras archive, a whole .h5 file, or a SavedModel folder of Keras 2"
_SAVE = "save the whole network: model.save('network.keras')"
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Written by Keras 2 beside a SavedModel; without it the layers are not known.
_SAVED_MODEL, _LAYERS, _VARIABLES = "saved_model.pb", "keras_metadata.pb", "variables/variables"


def load(path: Path) -> Any:
    """The ``tf_keras`` network in the file or folder *path*, with its weights, not compiled.

    Raises:
        ModelError: it is missing, damaged or no network of Keras; or it holds layers that are not read: each is named.
    """
    if not path.exists():
        raise ModelError(f"there is no network at {path}. Give {_ALLOWED}.")
    if path.is_dir():
        return _saved_model(path)
    with reading(path, _WHAT), path.open("rb") as file:
        start = file.read(4)
    if start == _HDF5:
        return _hdf5(path)
    if start == _ZIP:
        return _archive(path)
    raise ModelError(f"{path} is not {_WHAT}; allowed: {_ALLOWED}. In Python, {_SAVE}.")


def _archive(path: Path) -> Any:
    with reading(path, _WHAT):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if _CONFIG not in names:
                raise ModelError(f"{path} is an archive without {_CONFIG}, not {_WHAT}. In Python, {_SAVE}.")
            config = parsed(archive.read(_CONFIG))
            version = parsed(archive.read(_METADATA)).get("keras_version", "") if _METADATA in names else ""
        if not str(version).startswith("2."):
            return _archive_of_keras3(path, config, names)
        refuse_foreign(config, path)
        return keras().models.load_model(path, compile=False)


def _archive_of_keras3(path: Path, config: Mapping[str, Any], names: list[str]) -> Any:
    import h5py

    from export_pipeline.formats.keras import keras3, weights

    keras()
    built = keras3.network(config, str(path))
    if _WEIGHTS not in names:
        raise ModelError(f"{path} has no {_WEIGHTS}; it is damaged or saved in parts. In Python, {_SAVE}.")
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryFile() as copy:
        copy.write(archive.read(_WEIGHTS))
        with h5py.File(copy, "r") as file:
            weights.fill_from_archive(built, file, str(path))
    return built.model


def _hdf5(path: Path) -> Any:
    import h5py

    from export_pipeline.formats.keras import keras3, weights

    with reading(path, _WHAT), h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise ModelError(f"{path} holds weights without the layers that they are of. In Python, {_SAVE}.")
        config = parsed(file.attrs["model_config"])
        if str(file.attrs.get("keras_version", "2.")).startswith("3."):
            built = keras3.network(config, str(path))
            weights.fill_from_h5(built, file, str(path))
            return built.model
        refuse_foreign(config, path)
        return keras().models.load_model(path, compile=False)


def _saved_model(path: Path) -> Any:
    """Of a SavedModel, the layers and the variables: its graphs, which could do anything, are left alone."""
    if not (path / _SAVED_MODEL).is_file():
        raise ModelError(f"{path} is a folder without {_SAVED_MODEL}, no SavedModel. Give {_ALLOWED}.")
    if not (path / _LAYERS).is_file():
        raise ModelError(
            f"{path} is a SavedModel that holds graphs and no Keras layers, as model.export() and tf.saved_model.save "
            f"write it.\nSave the network that it was made of: model.save('network.keras'), and name that file."
        )
    with reading(path, _WHAT):
        config = _config_in(path / _LAYERS)
        refuse_foreign(config, path)
        model = keras().layers.deserialize(config)
        model.load_weights(path / _VARIABLES).assert_existing_objects_matched()
    return model


def _config_in(path: Path) -> Mapping[str, Any]:
    """The configuration of the outermost network in a ``keras_metadata.pb``."""
    from tf_keras.protobuf import saved_metadata_pb2
    from tf_keras.src.saving.legacy.saved_model import json_utils

    nodes = saved_metadata_pb2.SavedMetadata.FromString(path.read_bytes()).nodes
    root = json_utils.decode(next(node for node in nodes if node.node_path == "root").metadata)
    if root["class_name"] not in ("Functional", "Sequential"):
        raise ModelError(
            f"{path.parent} holds a network of the class {root['class_name']}, whose layers are known to its own code "
            f"alone.\nBuild it with keras.Model(inputs, outputs) and {_SAVE}."
        )
    return {"class_name": root["class_name"], "config": root["config"]}
