"""``.keras`` files with TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.interface import described
from export_pipeline.formats.keras.loading import load
from export_pipeline.formats.runtime import Runtime, checked_inputs, running
from export_pipeline.records.signature import Port


@final
class KerasRuntime(Runtime):
    """A ``.keras`` file, compiled to one TensorFlow function for each image size that it meets."""

    name = "Keras"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path, self.threads = path, threads
        self.load_library()
        import tensorflow as tf
        import tf_keras as keras

        _set_threads(tf, threads)
        self.version = f"{keras.__version__} (TensorFlow {tf.__version__})"
        self.model: Any = load(path)
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
