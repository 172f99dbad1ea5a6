"""What a model takes and gives, read from its description."""

from __future__ import annotations

from typing import Any

from ..errors import EmulatorError
from ..records.signature import Color, Port
from .network_io import array_dtype
from .program import Source, program_function

# FeatureTypes.proto, ImageFeatureType.ColorSpace
_COLORS: dict[int, Color] = {10: "GRAYSCALE", 20: "RGB", 30: "BGR", 40: "GRAYSCALE_FLOAT16"}


def features(source: Source) -> tuple[list[Port], list[Port]]:
    """The inputs and outputs of a model. Raises EmulatorError for a type that the emulator does not pass on."""
    chosen = _interface(source)
    inputs, outputs = chosen.input, chosen.output
    declared: dict[str, tuple[int, ...]] = {}
    if source.format == "mlProgram":
        declared = {value.name: _proto_shape(value.type) for value in program_function(source.spec).inputs}
    found = [_feature(f, declared.get(f.name)) for f in inputs]
    if source.format == "neuralNetwork":
        # A neural network begins with zeros where nothing is said, as its recurrent layers do.
        found = [
            f.model_copy(update={"default": 0.0}) if f.optional and f.default is None and f.kind == "tensor" else f
            for f in found
        ]
    return found, [_feature(f, None) for f in outputs]


def states(source: Source) -> list[Port]:
    """What a stateful model remembers, as tensors. Raises EmulatorError for one of a kind that cannot remember."""
    found = []
    for proto in getattr(_interface(source), "state", ()):
        if source.format != "mlProgram":
            raise EmulatorError(f"{source.label} declares the state {proto.name!r}, which only an ML program can have")
        array = proto.type.stateType.arrayType
        shape = tuple(int(n) for n in array.shape)
        found.append(Port(name=proto.name, shape=shape, dtype=str(array_dtype(array))))
    return found


def _interface(source: Source) -> Any:
    """The description of the model, or of the function of it that runs."""
    description = source.spec.description
    if source.format != "mlProgram" or not description.functions:
        return description
    name = description.defaultFunctionName or "main"
    return next((f for f in description.functions if f.name == name), description.functions[0])


def _feature(proto: Any, declared: tuple[int, ...] | None) -> Port:
    kind = proto.type.WhichOneof("Type")
    optional = bool(proto.type.isOptional)
    if kind == "imageType":
        return _image(proto.name, proto.type.imageType, optional)
    if kind == "multiArrayType":
        return _array(proto.name, proto.type.multiArrayType, optional, declared)
    simple = {"int64Type": "int64", "doubleType": "float64", "stringType": "string", "dictionaryType": "dictionary"}
    simple["sequenceType"] = "sequence"
    if kind in simple:
        return Port(name=proto.name, kind="value", dtype=simple[kind], optional=optional)
    raise EmulatorError(f"{proto.name!r} is of type {kind!r}; the emulator passes images, arrays, numbers and labels")


def _image(name: str, image: Any, optional: bool) -> Port:
    color = _COLORS.get(int(image.colorSpace))
    if color is None:
        raise EmulatorError(f"image {name!r} has an unknown color space; allowed: {', '.join(_COLORS.values())}")
    channels = 1 if color.startswith("GRAY") else 3
    size = (1, channels, int(image.height), int(image.width))
    sizes: tuple[tuple[int, ...], ...] = ()
    bounds: tuple[tuple[int, int], ...] = ()
    flexibility = image.WhichOneof("SizeFlexibility")
    if flexibility == "enumeratedSizes":
        sizes = tuple((1, channels, int(s.height), int(s.width)) for s in image.enumeratedSizes.sizes)
    elif flexibility == "imageSizeRange":
        ranges = (image.imageSizeRange.heightRange, image.imageSizeRange.widthRange)
        bounds = ((1, 1), (channels, channels), *((int(r.lowerBound), int(r.upperBound)) for r in ranges))
    whole = color != "GRAYSCALE_FLOAT16"  # eight bits, which mean 0..255
    return Port(
        name=name,
        kind="image",
        shape=size,
        dtype="uint8",
        layout="NCHW",
        color=color,
        low=0.0 if whole else None,
        high=255.0 if whole else None,
        optional=optional,
        sizes=sizes,
        bounds=bounds,
    )


def _array(name: str, array: Any, optional: bool, declared: tuple[int, ...] | None) -> Port:
    shape = tuple(int(size) for size in array.shape)
    sizes: tuple[tuple[int, ...], ...] = ()
    bounds: tuple[tuple[int, int], ...] = ()
    flexibility = array.WhichOneof("ShapeFlexibility")
    if flexibility == "enumeratedShapes":
        sizes = tuple(tuple(int(n) for n in s.shape) for s in array.enumeratedShapes.shapes)
        shape = shape or (sizes[0] if sizes else ())
    elif flexibility == "shapeRange":
        bounds = tuple((int(r.lowerBound), int(r.upperBound)) for r in array.shapeRange.sizeRanges)
        shape = shape or tuple(max(low, 1) for low, _ in bounds)
    if not shape and declared and -1 not in declared:
        shape = declared
    given = array.WhichOneof("defaultOptionalValue")
    default = float(getattr(array, given)) if given else None
    dtype = str(array_dtype(array))
    return Port(name=name, shape=shape, dtype=dtype, optional=optional, sizes=sizes, bounds=bounds, default=default)


def _proto_shape(value_type: Any) -> tuple[int, ...]:
    dimensions = value_type.tensorType.dimensions
    return tuple(int(d.constant.size) if d.WhichOneof("dimension") == "constant" else -1 for d in dimensions)


def metadata(source: Source) -> dict[str, str]:
    """The model's own words about itself, user-defined ones included."""
    meta = source.spec.description.metadata
    named = {
        "short_description": meta.shortDescription,
        "version": meta.versionString,
        "author": meta.author,
        "license": meta.license,
    }
    found = {key: str(value) for key, value in named.items() if value}
    return {**found, **{str(key): str(value) for key, value in sorted(meta.userDefined.items())}}
