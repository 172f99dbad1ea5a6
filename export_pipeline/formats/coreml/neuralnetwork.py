"""Making a Core ML neural network (the older format) small without changing what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats.coreml.file import network_kernels
from export_pipeline.formats.protobuf import short_names
from export_pipeline.records.signature import Signature

# Layers that were there before iOS 13, in the meaning that they still have.
BEFORE_IOS13 = frozenset(
    {"convolution", "batchnorm", "activation", "unary", "add", "multiply", "upsample", "resizeBilinear", "padding"}
    | {"crop", "reorganizeData", "pooling"}
)
BROADCAST = "addBroadcastable"  # what the converter writes for a sum
IOS12 = 3
NORM_EPSILON = float(np.float32(1e-5))  # what a norm computes with where it has none


def shrink(spec: Any, outputs: Mapping[str, str]) -> None:
    """Shrink *spec* (a ``Model`` with a ``neuralNetwork``) in place, and let it run from iOS 12 where it can.

    Floats that the quantizer left (norm parameters, biases, dense layers) become fp16; parameters that have the
    documented default are left out; layers and tensors get short names, outputs those of *outputs*, which are by their
    names now.
    """
    network = spec.neuralNetwork
    _lower_version(spec)
    for layer in network.layers:
        if layer.WhichOneof("layer") == "convolution":
            _drop_defaults(layer.convolution)
            _halve(layer.convolution, ("weights", "bias"))
        elif layer.WhichOneof("layer") == "batchedMatmul":  # a dense layer
            _halve(layer.batchedMatmul, ("weights", "bias"))
        elif layer.WhichOneof("layer") == "loadConstantND":
            _halve(layer.loadConstantND, ("data",))
        elif layer.WhichOneof("layer") == "innerProduct":
            _halve(layer.innerProduct, ("weights", "bias"))
        elif layer.WhichOneof("layer") == "batchnorm":
            if layer.batchnorm.epsilon == NORM_EPSILON:
                layer.batchnorm.ClearField("epsilon")
            _halve(layer.batchnorm, ("gamma", "beta", "mean", "variance"))
    _rename(spec, outputs)


def quantize_constants(spec: Any) -> None:
    """Store what the steps of recurrent layers multiply by in 8 bits, symmetric, with one scale.

    The quantizer of Core ML Tools gives each value of a constant a scale of its own.
    """
    for kernel in network_kernels(spec):
        weights = kernel.weights
        if not kernel.constant or not len(weights.floatValue):
            continue
        values = np.asarray(weights.floatValue, np.float32)
        scale = float(np.abs(values).max()) / 127 or 1.0
        raw = (np.clip(np.rint(values / scale), -127, 127) + 128).astype(np.uint8)
        weights.Clear()
        weights.rawValue = raw.tobytes()
        weights.quantization.numberOfBits = 8
        weights.quantization.linearQuantization.scale.append(scale)
        weights.quantization.linearQuantization.bias.append(-128 * scale)


def check_same(spec: Any, other: Any, size: tuple[int, int]) -> None:
    """Refuse a network *spec* of a flexible file where that of another *size*, height and width, is *other*.

    Layers crop by margins and enlarge by factors. Layers that are equal at all sizes hold no constant of one size.

    Raises:
        ExportError: it is another.
    """
    if other.neuralNetwork != spec.neuralNetwork:
        pairs = zip(spec.neuralNetwork.layers, other.neuralNetwork.layers, strict=False)
        name = next((f" (from {one.name} on)" for one, another in pairs if one != another), "")
        raise ExportError(
            f"a flexible file would have other layers at {size[0]}x{size[1]} than at its first size{name}. Leave "
            "export.flexible out: each size then has a file."
        )


def enumerate_sizes(spec: Any, signature: Signature) -> None:
    """List the sizes of its images in the description, where *signature* has several; iOS 12 knows them, too."""
    from coremltools.models.neural_network import flexible_shape_utils

    for port in (*signature.inputs, *signature.outputs):
        if port.kind == "image" and port.sizes:
            sizes = [flexible_shape_utils.NeuralNetworkImageSize(*shape[2:]) for shape in port.sizes]
            flexible_shape_utils.add_enumerated_image_sizes(spec, port.name, sizes)


def _lower_version(spec: Any) -> None:
    """Ask for iOS 12 instead of 13 when no layer needs more.

    The converter asks for 13 because of the n-dimensional array shapes that came with it. With an image
    in, an image out and the layers of :data:`BEFORE_IOS13` the older meaning is the same. A sum is, too: of equal
    shapes, or with one value for each channel, which the older layer knows.
    """
    network = spec.neuralNetwork
    features = (*spec.description.input, *spec.description.output)
    if any(feature.type.WhichOneof("Type") != "imageType" for feature in features):
        return
    if not {layer.WhichOneof("layer") for layer in network.layers} <= BEFORE_IOS13 | {BROADCAST}:
        return
    network.ClearField("arrayInputShapeMapping")
    network.ClearField("imageInputShapeMapping")
    for layer in network.layers:
        layer.ClearField("inputTensor")
        layer.ClearField("outputTensor")
        if layer.WhichOneof("layer") == BROADCAST:
            layer.add.SetInParent()
    spec.specificationVersion = IOS12


def _drop_defaults(convolution: Any) -> None:
    defaults = (("kernelSize", [3, 3]), ("stride", [1, 1]), ("dilationFactor", [1, 1]))
    for field, default in defaults:
        if list(getattr(convolution, field)) == default:
            convolution.ClearField(field)
    if convolution.nGroups == 1:
        convolution.ClearField("nGroups")


def _halve(parameters: Any, fields: tuple[str, ...]) -> None:
    """Store the float32 values of *fields* as fp16 and drop empty ones."""
    for field in fields:
        if not parameters.HasField(field):
            continue
        weights = getattr(parameters, field)
        if len(weights.floatValue):
            weights.float16Value = np.asarray(weights.floatValue, np.float16).tobytes()
            weights.ClearField("floatValue")
        elif not weights.rawValue and not weights.float16Value:
            parameters.ClearField(field)


def _rename(spec: Any, outputs: Mapping[str, str]) -> None:
    network = spec.neuralNetwork
    inputs = {feature.name for feature in spec.description.input}
    names = {name: name for name in inputs} | dict(outputs)
    fresh = (name for name in short_names() if name not in inputs | set(outputs.values()))
    for layer, layer_name in zip(network.layers, short_names(), strict=False):
        layer.name = layer_name
        layer.input[:] = [names[name] for name in layer.input]
        layer.output[:] = [names.get(name) or names.setdefault(name, next(fresh)) for name in layer.output]
