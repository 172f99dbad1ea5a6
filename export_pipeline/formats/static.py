"""The network at the one size that an exported file takes, or open for the several of a flexible one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats.convertible import convertible
from export_pipeline.records.signature import Port, Signature


def at_size(model: Any, signature: Signature) -> Any:
    """A copy of *model* that takes and gives the shapes of *signature*, with the same weights.

    Layers that fit sizes to each other then know them and leave no operation behind.

    Raises:
        ExportError: the network has other ports, cannot take that size, or gives another one.
    """
    return copied(model, signature, convertible)


def opened(model: Any, signature: Signature) -> Any:
    """A copy of *model* that takes pictures of any size; *signature* names those that it will be given.

    At each of them the network must be the same operations: what fits one size to another may have nothing to do.

    Raises:
        ExportError: as :func:`at_size`, of any of the sizes; or a layer crops, pads or resizes at one of them.
    """
    from export_pipeline.models import layers as ours

    for size in signature.sizes:
        for layer in at_size(model, signature.at(size)).layers:
            if _fits_sizes(layer):
                raise ExportError(
                    f"a flexible file cannot hold layer {layer.name}: at {size[0]}x{size[1]} it crops, pads or resizes "
                    "by amounts that differ with the size. Leave export.flexible out: each size then has a file."
                )

    def without_fitting(layer: Any) -> Any:
        if isinstance(layer, ours.MatchSize):
            return ours.First(name=layer.name)
        if isinstance(layer, ours.SpaceToDepth):
            return ours.WholeSpaceToDepth(layer.block, name=layer.name)
        return convertible(layer)

    return copied(model, signature, without_fitting)


def _fits_sizes(layer: Any) -> bool:
    """Whether *layer*, of a network at one size, crops, pads or resizes there to make sizes fit."""
    from export_pipeline.models import layers as ours

    if isinstance(layer, ours.MatchSize):
        return len({tuple(each.shape[1:3]) for each in layer.input}) > 1
    return isinstance(layer, ours.SpaceToDepth) and any(side % layer.block for side in layer.input.shape[1:3])


def copied(model: Any, signature: Signature, of_layer: Callable[[Any], Any]) -> Any:
    """A copy of *model* for the shapes of *signature*, with what *of_layer* gives for each layer and the same weights.

    Raises:
        ExportError: as :func:`at_size`.
    """
    import tf_keras as keras

    _check_ports(model, signature)
    inputs = [keras.Input(p.open_shape[1:], batch_size=1, dtype=p.dtype, name=p.name) for p in signature.inputs]
    try:
        copy = keras.models.clone_model(
            model, input_tensors=inputs[0] if len(inputs) == 1 else inputs, clone_function=of_layer
        )
        copy.set_weights(model.get_weights())
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"the network cannot be built for {_sizes(signature.inputs)}: {reason}") from error
    for tensor, port in zip(copy.outputs, signature.outputs, strict=True):
        if tuple(tensor.shape) != port.open_shape:
            raise ExportError(
                f"the network turns {_sizes(signature.inputs)} into {port.name} of shape {tuple(tensor.shape)}; "
                f"{port.shape} is needed. Choose another height and width."
            )
    return copy


def _check_ports(model: Any, signature: Signature) -> None:
    names = [port.name for port in (*signature.inputs, *signature.outputs)]
    if len(set(names)) < len(names):
        raise ExportError(f"ports must have different names; the signature has {', '.join(names)}.")
    for side, ports, tensors in (
        ("inputs", signature.inputs, model.inputs),
        ("outputs", signature.outputs, model.outputs),
    ):
        if len(ports) != len(tensors):
            raise ExportError(
                f"the network has {len(tensors)} {side}; the signature has {len(ports)}: "
                f"{', '.join(port.name for port in ports)}."
            )


def _sizes(ports: tuple[Port, ...]) -> str:
    return ", ".join(f"{port.name} {'x'.join(map(str, port.shape[1:]))}" for port in ports)


def function(model: Any, signature: Signature, channels_first: frozenset[str] = frozenset()) -> Any:
    """*model*, a copy made here, as a concrete function with the signature's names.

    Outputs that *channels_first* names are transposed to ``(1, C, H, W)``, as an image of Core ML must be. The outputs
    are those of :func:`by_name`, in its order.
    """
    import tensorflow as tf

    specs = [tf.TensorSpec(port.open_shape, port.dtype, name=port.name) for port in signature.inputs]

    @tf.function(input_signature=specs)
    def call(*tensors: Any) -> Any:
        outputs = tf.nest.flatten(model(tensors[0] if len(tensors) == 1 else list(tensors), training=False))
        return {
            port.name: tf.identity(
                tf.transpose(output, (0, 3, 1, 2)) if port.name in channels_first else output, name=port.name
            )
            for port, output in zip(signature.outputs, outputs, strict=True)
        }

    return call.get_concrete_function()


def by_name(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """*ports* in the order in which TensorFlow lists what a function gives by name."""
    return tuple(sorted(ports, key=lambda port: port.name))


def batch(sample: Mapping[str, np.ndarray], signature: Signature) -> list[np.ndarray]:
    """*sample* as the network takes it: float32 with a batch of one, in the signature's order."""
    arrays = [np.asarray(sample[port.name]).astype(port.dtype) for port in signature.inputs]
    pairs = zip(arrays, signature.inputs, strict=True)
    return [array if array.ndim == len(port.shape) else array[None] for array, port in pairs]


def kernels(model: Any) -> list[np.ndarray]:
    """What the layers of *model* multiply their inputs by: the one rule by which every format is counted.

    Kernels of convolutions are ``(height, width, in, out)`` (one row in a one-dimensional one, one input channel in a
    depthwise one; a transposed one has ``out`` before ``in``), those of dense and recurrent layers ``(in, out)``.
    Kernels of equal values count once: converters keep one of them.
    """
    found = {}
    for weight in model.weights:
        role = weight.name.split(":")[0].rsplit("/", 1)[-1]
        if "kernel" in role and len(weight.shape) > 1:
            kernel = _arranged(weight.numpy(), role)
            found[(kernel.shape, kernel.tobytes())] = kernel
    return list(found.values())


def _arranged(kernel: np.ndarray, role: str) -> np.ndarray:
    if kernel.ndim == 3:
        kernel = kernel[None]
    if role == "depthwise_kernel":
        kernel = kernel.reshape((*kernel.shape[:2], 1, -1))
    return kernel
