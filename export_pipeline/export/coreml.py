"""Core ML: ML Programs (``.mlpackage``) and neural networks (``.mlmodel``), image in and image out."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from export_pipeline.export import mil, neuralnetwork, static
from export_pipeline.export.guard import Door, Facts
from export_pipeline.export.schemes import Scheme
from export_pipeline.signature import ImageSignature

AUTHOR = "export-pipeline"
_DATA = "com.apple.CoreML"
_MODEL, _WEIGHTS = f"{_DATA}/model.mlmodel", f"{_DATA}/weights"


def write_package(model: Any, signature: ImageSignature, scheme: Scheme, version: str, path: Path) -> None:
    """Write *model*, of static size, as an ML Program package for iOS 16 and later.

    Args:
        model: network from ``(1, H, W, 3)`` to the same shape, values 0..255.
        signature: names and size; written into the metadata too.
        scheme: ``int8`` or ``fp16`` weights; computation is in fp16.
        version: the model's version as its metadata will have it.
        path: the package, a folder that does not exist yet.
    """
    import coremltools as ct

    options = {
        "convert_to": "mlprogram",
        "minimum_deployment_target": ct.target.iOS16,
        "compute_precision": ct.precision.FLOAT16,
        "skip_model_load": True,
    }
    converted = _convert(model, signature, options)
    if scheme.weights == "int8":
        converted = _quantize_program(converted)
    weights = (Path(converted.weights_dir) / "weight.bin").read_bytes()
    spec = converted.get_spec()
    shorter = mil.shrink(spec.mlProgram, weights, signature.output_name)
    spec.description.output[0].name = signature.output_name
    _describe(spec, signature, version)
    _write_package_files(path, spec.SerializeToString(deterministic=True), shorter)


def write_network(model: Any, signature: ImageSignature, scheme: Scheme, version: str, path: Path) -> None:
    """Write *model*, of static size, as a neural network file with 8-bit kernels, for iOS 12 and later.

    Arguments as in :func:`write_package`; *path* is a file.
    """
    converted = _convert(model, signature, {"convert_to": "neuralnetwork"})
    spec = _quantize_network(converted)
    neuralnetwork.shrink(spec, signature.output_name)
    _describe(spec, signature, version)
    path.write_bytes(spec.SerializeToString(deterministic=True))


def _convert(model: Any, signature: ImageSignature, options: dict[str, Any]) -> Any:
    import coremltools as ct

    rgb = ct.colorlayout.RGB
    # coremltools turns the NHWC image into Core ML's NCHW one and removes the transposes that meet.
    image = ct.ImageType(name=signature.input_name, shape=signature.shape("NHWC"), color_layout=rgb)
    function = static.function(model, signature, channels_first=True)
    return ct.convert(
        [function], source="tensorflow", inputs=[image], outputs=[ct.ImageType(color_layout=rgb)], **options
    )


def _quantize_program(converted: Any) -> Any:
    import coremltools.optimize.coreml as cto

    config = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric",
        dtype="int8",
        granularity="per_channel",
        weight_threshold=0,  # the default skips everything under 2,048 values: most of a small network
    )
    return cto.linear_quantize_weights(converted, cto.OptimizationConfig(op_type_configs={"conv": config}))


def _quantize_network(converted: Any) -> Any:
    from coremltools.models.neural_network import quantization_utils

    class Kernels(quantization_utils.QuantizedLayerSelector):
        def do_quantize(self, layer: Any, weight_param: str | None = None) -> bool:
            return layer.WhichOneof("layer") == "convolution" and weight_param != "bias"

    # Symmetric, so that zero is one of the 256 values: pruned weights stay pruned.
    quantized = quantization_utils.quantize_weights(converted, 8, "linear_symmetric", selector=Kernels())
    # A model, or off macOS in some versions the bare specification.
    return quantized.get_spec() if hasattr(quantized, "get_spec") else quantized


def _describe(spec: Any, signature: ImageSignature, version: str) -> None:
    """Replace the metadata: the converter's hold the date of today."""
    metadata = spec.description.metadata
    metadata.Clear()
    metadata.author = AUTHOR
    metadata.shortDescription = f"Style transfer, {signature.width}x{signature.height} {signature.color} image"
    metadata.versionString = version
    for key, value in signature.metadata().items():
        metadata.userDefined[key] = value


def _write_package_files(path: Path, model: bytes, weights: bytes) -> None:
    data = path / "Data"
    (data / _WEIGHTS).mkdir(parents=True)
    (data / _MODEL).write_bytes(model)
    (data / _WEIGHTS / "weight.bin").write_bytes(weights)
    (path / "Manifest.json").write_bytes(_manifest())


def _manifest() -> bytes:
    """A package's table of contents. Its identifiers must be unique within the package only, so they are fixed."""
    items = {
        str(uuid.uuid5(uuid.NAMESPACE_URL, item)).upper(): {
            "author": _DATA,
            "description": description,
            "name": item.rsplit("/", 1)[-1],
            "path": item,
        }
        for item, description in ((_MODEL, "CoreML Model Specification"), (_WEIGHTS, "CoreML Model Weights"))
    }
    root = next(key for key, item in items.items() if item["path"] == _MODEL)
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": root}
    return json.dumps(manifest, separators=(",", ":")).encode()


def facts(path: Path) -> Facts:
    """What the ``.mlpackage`` or ``.mlmodel`` at *path* holds; a package is read by coremltools' own loader."""
    from coremltools.proto import Model_pb2

    model = path / "Data" / _MODEL if path.is_dir() else path
    spec = Model_pb2.Model.FromString(model.read_bytes())
    kernels = _program_kernels(spec, path) if spec.WhichOneof("Type") == "mlProgram" else _network_kernels(spec)
    return Facts(
        inputs=tuple(_door(feature) for feature in spec.description.input),
        outputs=tuple(_door(feature) for feature in spec.description.output),
        kernels=kernels,
        signature=ImageSignature.from_metadata(dict(spec.description.metadata.userDefined)),
    )


def _door(feature: Any) -> Door:
    kind = feature.type.WhichOneof("Type")
    image = feature.type.imageType
    is_rgb = kind == "imageType" and image.colorSpace == image.ColorSpace.Value("RGB")
    return Door(feature.name, (1, 3, image.height, image.width), "image" if is_rgb else str(kind))


def _program_kernels(spec: Any, path: Path) -> tuple[tuple[int, str], ...]:
    from coremltools.converters.mil.frontend.milproto import load

    program = load.load(spec, spec.specificationVersion, str(path / "Data" / _WEIGHTS))
    found = []
    for operation in program.functions["main"].find_ops(op_type="conv"):
        weight = operation.inputs["weight"]
        packed = weight.op.op_type == "constexpr_affine_dequantize"
        stored = weight.op.inputs["quantized_data"].val if packed else weight.val
        found.append((int(stored.size), {"int8": "int8", "float16": "fp16"}.get(str(stored.dtype), str(stored.dtype))))
    return tuple(found)


def _network_kernels(spec: Any) -> tuple[tuple[int, str], ...]:
    found = []
    for layer in spec.neuralNetwork.layers:
        if layer.WhichOneof("layer") == "convolution":
            weights = layer.convolution.weights
            if weights.rawValue and weights.quantization.numberOfBits == 8:
                found.append((len(weights.rawValue), "int8"))
            else:
                found.append((len(weights.floatValue) or len(weights.float16Value) // 2, "float"))
    return tuple(found)
