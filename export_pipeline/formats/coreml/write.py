"""Core ML: ML Programs (``.mlpackage``) and neural networks (``.mlmodel``), image in and image out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export_pipeline.formats import static
from export_pipeline.formats.coreml import file as coreml_file
from export_pipeline.formats.coreml import mil, neuralnetwork
from export_pipeline.records.signature import ImageSignature
from export_pipeline.targets import Scheme


def write_package(model: Any, signature: ImageSignature, scheme: Scheme, version: str, path: Path) -> None:
    """Write *model*, of static size, as an ML Program package for the system that *scheme* names, and later.

    Args:
        model: network from ``(1, H, W, 3)`` to the same shape, values 0..255.
        signature: names and size; written into the metadata too.
        scheme: how the kernels are stored; computation is in fp16.
        version: the model's version as its metadata will have it.
        path: the package, a folder that does not exist yet.
    """
    import coremltools as ct

    options = {
        "convert_to": "mlprogram",
        "minimum_deployment_target": ct.target[f"iOS{scheme.ios}"],
        "compute_precision": ct.precision.FLOAT16,
        "skip_model_load": True,
    }
    converted = _convert(model, signature, scheme, options)
    if scheme.weights == "int8":
        converted = _quantize_program(converted)
    weights = (Path(converted.weights_dir) / "weight.bin").read_bytes()
    spec = converted.get_spec()
    shorter = mil.shrink(spec.mlProgram, weights, signature.output_name)
    spec.description.output[0].name = signature.output_name
    coreml_file.describe(spec, signature, version)
    coreml_file.write_package(path, spec.SerializeToString(deterministic=True), shorter)


def write_network(model: Any, signature: ImageSignature, scheme: Scheme, version: str, path: Path) -> None:
    """Write *model*, of static size, as a neural network file with kernels of 8 bits or fewer, for iOS 12 and later.

    Arguments as in :func:`write_package`; *path* is a file.
    """
    converted = _convert(model, signature, scheme, {"convert_to": "neuralnetwork"})
    spec = _tables_in_network(converted, scheme) if scheme.exact else _quantize_network(converted)
    neuralnetwork.shrink(spec, signature.output_name)
    coreml_file.describe(spec, signature, version)
    path.write_bytes(spec.SerializeToString(deterministic=True))


def _convert(model: Any, signature: ImageSignature, scheme: Scheme, options: dict[str, Any]) -> Any:
    import coremltools as ct

    passes = _exact_passes(scheme) if scheme.exact else ct.PassPipeline.DEFAULT
    rgb = ct.colorlayout.RGB
    # coremltools turns the NHWC image into Core ML's NCHW one and removes the transposes that meet.
    image = ct.ImageType(name=signature.input_name, shape=signature.shape("NHWC"), color_layout=rgb)
    function = static.function(model, signature, channels_first=True)
    return ct.convert(
        [function],
        source="tensorflow",
        inputs=[image],
        outputs=[ct.ImageType(color_layout=rgb)],
        pass_pipeline=passes,
        **options,
    )


def _exact_passes(scheme: Scheme) -> Any:
    """The passes that leave the kernels the values of the network."""
    import coremltools as ct

    passes = ct.PassPipeline.DEFAULT
    # A norm folded into a kernel would multiply its values by a factor for each channel.
    passes.remove_passes({"common::fuse_conv_batchnorm", "common::fuse_conv_scale"})
    if scheme.format == "mlpackage":
        from export_pipeline.formats.coreml import tables

        passes.append_pass(tables.PASS)
        passes.set_options(tables.PASS, {"scheme": scheme})
    return passes


def _quantize_program(converted: Any) -> Any:
    import coremltools.optimize.coreml as cto

    config = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric",
        dtype="int8",
        granularity="per_channel",
        weight_threshold=0,  # the default skips everything under 2,048 values: most of a small network
    )
    return cto.linear_quantize_weights(converted, cto.OptimizationConfig(op_type_configs={"conv": config}))


def _tables_in_network(converted: Any, scheme: Scheme) -> Any:
    from export_pipeline.formats.coreml import tables

    spec = converted.get_spec()
    tables.compress_network(spec, scheme)
    return spec


def _quantize_network(converted: Any) -> Any:
    from coremltools.models.neural_network import quantization_utils

    class Kernels(quantization_utils.QuantizedLayerSelector):
        def do_quantize(self, layer: Any, weight_param: str | None = None) -> bool:
            return layer.WhichOneof("layer") == "convolution" and weight_param != "bias"

    # Symmetric, so that zero is one of the 256 values: pruned weights stay pruned.
    quantized = quantization_utils.quantize_weights(converted, 8, "linear_symmetric", selector=Kernels())
    # A model, or off macOS in some versions the bare specification.
    return quantized.get_spec() if hasattr(quantized, "get_spec") else quantized
