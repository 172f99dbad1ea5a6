"""What clustering does to a network's output, measured layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.compress.bit_plan import WIDTHS
from export_pipeline.compress.importance import Importance
from export_pipeline.compress.kernels import clustered_kernels, set_kernels
from export_pipeline.compress.layers import convolutions, copy_of, one_by_one


class OutputError:
    """Mean squared error of the output of a network with other kernels, on a few samples.

    Args:
        model: the network; a copy of it is what the kernels are tried in.
        samples: what it takes: ``(N, ...)`` for each of its inputs.
    """

    def __init__(self, model: keras.Model, samples: Sequence[np.ndarray]) -> None:
        tf.config.experimental.enable_op_determinism()
        self.model = model
        self._copy = copy_of(model)
        self._samples = one_by_one(samples)
        self._wanted = self._outputs()

    def of(self, kernels: Mapping[str, np.ndarray]) -> float:
        """The error with *kernels* in the layers that they name, in the units of the output, squared.

        To six digits: what is written down is what is compared.
        """
        layers = convolutions(self.model)
        set_kernels(self._copy, {name: layers[name].kernel.numpy() for name in layers} | dict(kernels))
        pairs = zip(self._outputs(), self._wanted, strict=True)
        return float(f"{np.mean([np.mean(np.square(one - other)) for one, other in pairs]):.6g}")

    def by_width(self, name: str, importance: Importance) -> tuple[float, ...]:
        """The error when layer *name* alone is clustered, for each of :data:`WIDTHS`."""
        return tuple(self.of(clustered_kernels(self.model, {name: bits}, importance)) for bits in WIDTHS)

    def together(self, bits: Mapping[str, int], importance: Importance) -> float:
        """The error with every layer of *bits* clustered to its width."""
        return self.of(clustered_kernels(self.model, bits, importance))

    def _outputs(self) -> list[np.ndarray]:
        # Not as a graph: TensorFlow fuses batch norm with tanh there, and then cannot run it.
        return [
            output.numpy().astype(np.float64)
            for sample in self._samples
            for output in tf.nest.flatten(self._copy(sample, training=False))
        ]
