"""What a model takes and gives, read from its description."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .network_io import array_dtype
from .program import Source, program_function

# FeatureTypes.proto, ImageFeatureType.ColorSpace
_COLORS = {10: "GRAYSCALE", 20: "RGB", 30: "BGR", 40: "GRAYSCALE_FLOAT16"}


@dataclass(frozen=True)
class Feature:
    """One input or output.

    ``shape`` is ``(1, C, H, W)`` for an image, and as declared for a tensor. ``sizes`` are further shapes that an
    input may have, ``bounds`` the smallest and largest size of each dimension (largest -1: no limit). ``default`` is
    what fills an ``optional`` tensor that is left out; without one it must be given.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    color: str | None = None
    optional: bool = False
    sizes: tuple[tuple[int, ...], ...] = field(default=(), compare=False)
    bounds: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    default: float | None = field(default=None, compare=False)

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether an input of *shape* may be given."""
        if shape == self.shape or shape in self.sizes:
            return True
        # Without bounds nothing else fits, a scalar neither: it has as many dimensions as there are bounds, none.
        if not self.bounds or len(shape) != len(self.bounds):
            return False
        return all(
            low <= size and (high < 0 or size <= high) for size, (low, high) in zip(shape, self.bounds, strict=True)
        )

    def allowed(self) -> str:
        """The shapes that may be given, in words."""
        shapes = [_times(shape) for shape in dict.fromkeys((self.shape, *self.sizes))]
        if self.bounds:
            shapes.append("within " + " x ".join(f"{a}..{b if b >= 0 else 'any'}" for a, b in self.bounds))
        return " or ".join(shapes)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape) or "scalar"


def features(source: Source) -> tuple[list[Feature], list[Feature]]:
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
            replace(f, default=0.0) if f.optional and f.default is None and f.kind == "tensor" else f for f in found
        ]
    return found, [_feature(f, None) for f in outputs]


def states(source: Source) -> list[Feature]:
    """What a stateful model remembers, as tensors. Raises EmulatorError for one of a kind that cannot remember."""
    found = []
    for proto in getattr(_interface(source), "state", ()):
        if source.format != "mlProgram":
            raise EmulatorError(f"{source.label} declares the state {proto.name!r}, which only an ML program can have")
        array = proto.type.stateType.arrayType
        found.append(Feature(proto.name, "tensor", tuple(int(n) for n in array.shape), str(array_dtype(array))))
    return found


def _interface(source: Source) -> Any:
    """The description of the model, or of the function of it that runs."""
    description = source.spec.description
    if source.format != "mlProgram" or not description.functions:
        return description
    name = description.defaultFunctionName or "main"
    return next((f for f in description.functions if f.name == name), description.functions[0])


def _feature(proto: Any, declared: tuple[int, ...] | None) -> Feature:
    kind = proto.type.WhichOneof("Type")
    optional = bool(proto.type.isOptional)
    if kind == "imageType":
        return _image(proto.name, proto.type.imageType, optional)
    if kind == "multiArrayType":
        return _array(proto.name, proto.type.multiArrayType, optional, declared)
    simple = {"int64Type": "int64", "doubleType": "float64", "stringType": "string", "dictionaryType": "dictionary"}
    if kind in simple:
        return Feature(proto.name, "value", (), simple[kind], None, optional)
    raise EmulatorError(f"{proto.name!r} is of type {kind!r}; the emulator passes images, arrays, numbers and labels")


def _image(name: str, image: Any, optional: bool) -> Feature:
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
    return Feature(name, "image", size, "uint8", color, optional, sizes, bounds)


def _array(name: str, array: Any, optional: bool, declared: tuple[int, ...] | None) -> Feature:
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
    return Feature(name, "tensor", shape, str(array_dtype(array)), None, optional, sizes, bounds, default)


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


def numpy_dtype(feature: Feature) -> np.dtype[Any]:
    """The type of the raw array behind a feature: float32 for images."""
    return np.dtype(np.float32 if feature.kind == "image" else feature.dtype)
