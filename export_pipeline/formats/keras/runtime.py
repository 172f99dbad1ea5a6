"""``.keras`` files with TensorFlow."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.interface import described
from export_pipeline.formats.runtime import Runtime, checked_inputs, reading, running
from export_pipeline.records.signature import Port

_WHAT = "a .keras model (Keras 2 archive)"
# Loading a .keras file imports the modules that it names and calls their classes: others are refused.
_TRUSTED = ("keras", "tf_keras", "builtins")
# Modules of our own layers, which Keras finds by their registered name. Older files have the second.
_OUR_MODULES = ("export_pipeline.models.layers", "models.layers")
# Layers that run code or any TensorFlow function that the file names.
_REFUSED_CLASSES = ("Lambda", "TFOpLambda", "SlicingOpLambda", "__lambda__", "__typespec__")


@final
class KerasRuntime(Runtime):
    """A ``.keras`` file, compiled to one TensorFlow function for each image size that it meets."""

    name = "Keras"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path, self.threads = path, threads
        with reading(path, _WHAT):
            refuse_foreign_code(path)
        self.load_library()
        import tensorflow as tf
        import tf_keras as keras

        _set_threads(tf, threads)
        self.version = f"{keras.__version__} (TensorFlow {tf.__version__})"
        with reading(path, _WHAT):
            self.model: Any = keras.models.load_model(path, compile=False)
        names = zip(self.model.outputs, self.model.output_names, strict=True)
        inputs, outputs = map(_port, self.model.inputs), [_port(tensor, name) for tensor, name in names]
        self.interface = described({}, list(inputs), outputs)
        self._function = tf.function(lambda tensors: self.model(tensors, training=False), reduce_retracing=False)

    @classmethod
    def load_library(cls) -> None:  # noqa: D102  as Runtime says
        from export_pipeline import models  # noqa: F401  chooses Keras 2 and registers our layers

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: D102  as Runtime says
        import tensorflow as tf

        checked_inputs(self, inputs)
        tensors = [tf.constant(inputs[port.name]) for port in self.inputs]
        outputs = running(self, lambda: self._function(tensors if len(tensors) > 1 else tensors[0]))
        listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return {port.name: np.asarray(array) for port, array in zip(self.outputs, listed, strict=True)}


def refuse_foreign_code(path: Path) -> None:
    """Refuse an archive whose layers come from modules other than Keras and ours, or run code of their own.

    Raises:
        ModelError: it names such a module or layer.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    for entry in _objects(config):
        module, name = str(entry.get("module") or "keras"), str(entry["class_name"])
        known = module.split(".")[0] in _TRUSTED or (module in _OUR_MODULES and _is_registered(entry))
        if name in _REFUSED_CLASSES or not known:
            raise ModelError(
                f"{path} holds {module}.{name}, which may run code of the file's own; allowed: Keras layers and ours"
            )


def _is_registered(entry: dict[str, Any]) -> bool:
    """Whether Keras knows the class of *entry* by its registered name, so that it imports no module for it."""
    KerasRuntime.load_library()
    import tf_keras as keras

    return keras.utils.get_registered_object(entry.get("registered_name")) is not None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _set_threads(tf: Any, threads: int | None) -> None:
    threading = tf.config.threading
    now = (threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
    if threads is None or now == (threads, threads):
        return
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ModelError(
            f"TensorFlow has started, so its number of threads cannot become {threads}. Do it in a fresh process."
        ) from error


def _port(tensor: Any, name: str | None = None) -> Port:
    shape = tuple(tensor.shape)
    shape = (1, *shape[1:]) if len(shape) == 4 and shape[0] is None else shape
    return Port(name=name or tensor.name.split(":")[0], shape=shape, dtype=tensor.dtype.name)
