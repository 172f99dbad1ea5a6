"""Core ML: ML Programs (``.mlpackage``) and neural networks (``.mlmodel``) of a Keras network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats import forms, static
from export_pipeline.formats.coreml import file as coreml_file
from export_pipeline.formats.coreml import mil, neuralnetwork
from export_pipeline.formats.coreml.ports import file_signature, is_image
from export_pipeline.formats.format import Conversion
from export_pipeline.formats.protobuf import replace
from export_pipeline.records.signature import Port
from export_pipeline.targets import Target


def write(conversion: Conversion, path: Path) -> tuple[str, ...]:
    """Write a package or a neural network file, as the suffix of *path* says, and note the forms of its kernels.

    Raises:
        ExportError: the target is for pruned or clustered networks, and no kernel gets smaller.
    """
    target, kernels = conversion.target, static.kernels(conversion.model)
    if target.exact:
        forms.check(target, kernels)
    {"mlpackage": write_package, "mlmodel": write_network}[target.format](conversion, path)
    return (forms.note(target, kernels),) if target.exact else ()


def write_package(conversion: Conversion, path: Path) -> None:
    """Write an ML Program package for the system that the target names, and later; it computes in fp16.

    *path* is a folder that does not exist yet.
    """
    import coremltools as ct

    target = conversion.target
    options = {
        "convert_to": "mlprogram",
        "minimum_deployment_target": ct.target[f"iOS{target.ios}"],
        "compute_precision": ct.precision.FLOAT16,
        "skip_model_load": True,
    }
    converted, names = _convert(conversion, options)
    if target.weights == "int8":
        converted = _quantize_program(converted)
    weights = (Path(converted.weights_dir) / "weight.bin").read_bytes()
    spec = converted.get_spec()
    shorter = mil.shrink(spec.mlProgram, weights, names)
    _describe(spec, conversion, names)
    coreml_file.write_package(path, spec.SerializeToString(deterministic=True), shorter)


def write_network(conversion: Conversion, path: Path) -> None:
    """Write a neural network file with kernels of 8 bits or fewer, for iOS 12 and later where all ports are images.

    Raises:
        ExportError: the file is to take several sizes, and the network of one is not that of the first.
    """
    signature = conversion.signature
    each = [_at(conversion, size) for size in signature.sizes] or [conversion]
    (spec, names), *others = map(_network, each)
    for size, (other, _) in zip(signature.sizes[1:], others, strict=True):
        neuralnetwork.check_same(spec, other, size)
    _describe(spec, conversion, names)
    neuralnetwork.enumerate_sizes(spec, file_signature(signature))
    path.write_bytes(spec.SerializeToString(deterministic=True))


def _at(conversion: Conversion, size: tuple[int, int]) -> Conversion:
    """What a file of one of the sizes of *conversion* alone is made of."""
    signature = conversion.signature.at(size)
    return dataclasses.replace(conversion, model=static.at_size(conversion.model, signature), signature=signature)


def _network(conversion: Conversion) -> tuple[Any, dict[str, str]]:
    """The small network, and the signature's name of each output by the converter's."""
    converted, names = _convert(conversion, {"convert_to": "neuralnetwork"})
    target = conversion.target
    spec = _tables_in_network(converted, target) if target.exact else _quantize_network(converted)
    neuralnetwork.shrink(spec, names)
    return spec, names


def _describe(spec: Any, conversion: Conversion, names: Mapping[str, str]) -> None:
    """Give the description the signature's names, order and shapes, and the metadata."""
    signature, description = file_signature(conversion.signature), spec.description
    for feature in description.output:
        feature.name = names[feature.name]
    for features, ports in ((description.input, signature.inputs), (description.output, signature.outputs)):
        by_name = {feature.name: feature for feature in features}
        for port in ports:
            if port.kind == "tensor":  # the converter leaves the shape of an array out of the older format
                array = by_name[port.name].type.multiArrayType
                array.shape[:] = port.closed_shape
                if port.dtype == "int32":  # the older format computes in floats, and the converter asks for them
                    array.dataType = array.INT32
        replace(features, [by_name[port.name] for port in ports])
    coreml_file.describe(spec, signature, conversion.title, conversion.version, conversion.about)


def _convert(conversion: Conversion, options: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """The converted network, and the signature's name of each output by the converter's."""
    import coremltools as ct

    signature, target = conversion.signature, conversion.target
    images = frozenset(port.name for port in signature.outputs if is_image(port))
    function = static.function(conversion.model, signature, channels_first=images)
    pairs = zip(function.outputs, static.by_name(signature.outputs), strict=True)
    outputs = {tensor.name.split(":")[0]: port for tensor, port in pairs}
    converted = ct.convert(
        [function],
        source="tensorflow",
        # coremltools turns an NHWC image into Core ML's NCHW one and removes the transposes that meet.
        inputs=[_type(port, name=port.name, shape=_shape(port)) for port in signature.inputs],
        outputs=[_type(port, name=name) for name, port in outputs.items()],
        pass_pipeline=_passes(target),
        **options,
    )
    return converted, {name: port.name for name, port in outputs.items()}


def _shape(port: Port) -> Any:
    """The shape of an input; all of them where there are several, the first as default."""
    import coremltools as ct

    return ct.EnumeratedShapes(port.sizes, default=port.shape) if port.sizes else port.shape


def _type(port: Port, **named: Any) -> Any:
    """What coremltools calls the type of a port."""
    import coremltools as ct

    if is_image(port):
        return ct.ImageType(color_layout=ct.colorlayout.RGB, **named)
    return ct.TensorType(dtype=np.dtype(port.dtype).type, **named)


def _passes(target: Target) -> Any:
    """The passes of the converter, and ours; those of an exact target leave the kernels the values of the network."""
    import coremltools as ct

    from export_pipeline.formats.coreml import edges

    passes = ct.PassPipeline.DEFAULT
    # Once more, and first: removing transposes may change the order of a tensor's uses, by which it knows norms.
    passes.insert_pass(passes.passes.index("common::reduce_transposes"), "common::fuse_layernorm_or_instancenorm")
    # Where norms are single operations by then, and before the transposes go that come with it.
    passes.insert_pass(passes.passes.index("common::fuse_stack_split"), edges.PASS)
    if not target.exact:
        return passes
    # A norm folded into a kernel would multiply its values by a factor for each channel.
    passes.remove_passes({"common::fuse_conv_batchnorm", "common::fuse_conv_scale"})
    if target.format == "mlpackage":
        from export_pipeline.formats.coreml import tables

        passes.append_pass(tables.PASS)
        passes.set_options(tables.PASS, {"target": target})
    return passes


def _quantize_program(converted: Any) -> Any:
    import coremltools.optimize.coreml as cto

    config = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric",
        dtype="int8",
        granularity="per_channel",
        weight_threshold=0,  # the default skips everything under 2,048 values: most of a small network
    )
    kinds = dict.fromkeys(coreml_file.KERNELS, config)
    return cto.linear_quantize_weights(converted, cto.OptimizationConfig(op_type_configs=kinds))


def _tables_in_network(converted: Any, target: Target) -> Any:
    from export_pipeline.formats.coreml import tables

    spec = converted.get_spec()
    tables.compress_network(spec, target)
    return spec


def _quantize_network(converted: Any) -> Any:
    from coremltools.models.neural_network import quantization_utils

    class Kernels(quantization_utils.QuantizedLayerSelector):
        def do_quantize(self, layer: Any, weight_param: str | None = None) -> bool:
            return layer.WhichOneof("layer") in coreml_file.LAYERS and weight_param != "bias"

    # Symmetric, so that zero is one of the 256 values: pruned weights stay pruned.
    quantized = quantization_utils.quantize_weights(converted, 8, "linear_symmetric", selector=Kernels())
    # A model, or off macOS in some versions the bare specification.
    spec = quantized.get_spec() if hasattr(quantized, "get_spec") else quantized
    neuralnetwork.quantize_constants(spec)
    return spec
