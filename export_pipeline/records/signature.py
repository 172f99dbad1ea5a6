"""What a model takes and gives: named ports, with shape, type, layout, colour and range."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from export_pipeline.errors import ModelError

METADATA_KEY = "signature"
LEAST_SIDE, MOST_SIDE = 16, 4096

Shape = tuple[int | None, ...]
Layout = Literal["NHWC", "NCHW"]
Color = Literal["RGB", "BGR", "GRAYSCALE", "GRAYSCALE_FLOAT16"]


class Port(BaseModel):
    """One input or output of a network, or of a model file.

    ``kind`` says how a value is passed: an image (as Core ML takes and gives them), a tensor, or a value: a number, a
    label, or a dictionary of labels with their probabilities. A tensor with a ``color`` holds a picture.

    ``shape`` is ``(1, C, H, W)`` for an image, and as the file has it for a tensor; ``None`` is a size that is open.
    ``layout`` says which axes are height, width and channels; ``None`` where nothing is known of them. ``low`` and
    ``high`` are what the least and the greatest value mean; ``None`` where that is not known. A quantized port holds
    ``q`` for the value ``scale * (q - zero_point)``.

    ``sizes`` are all shapes that may be, ``shape`` among them, where there are several. ``bounds`` are the smallest and
    largest size of each dimension (largest -1: no limit). ``default`` fills an ``optional`` tensor that is left out;
    without one it must be given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["image", "tensor", "value"] = "tensor"
    shape: Shape = ()
    dtype: str = "float32"
    layout: Layout | None = None
    color: Color | None = None
    low: float | None = None
    high: float | None = None
    scale: float = 1.0
    zero_point: int = 0
    optional: bool = False
    sizes: tuple[tuple[int, ...], ...] = ()
    bounds: tuple[tuple[int, int], ...] = ()
    default: float | None = None

    @property
    def size(self) -> tuple[int | None, int | None] | None:
        """Height and width of an RGB picture in this port, or ``None`` when it holds none."""
        if self.layout is None or len(self.shape) < 3:
            return None
        *rest, channels = self.shape[-3:] if self.layout == "NHWC" else (*self.shape[-2:], self.shape[-3])
        return (rest[0], rest[1]) if channels == 3 else None

    @property
    def array_dtype(self) -> str:
        """The type of the raw array in this port: float32 for images."""
        return "float32" if self.kind == "image" else self.dtype

    @property
    def closed_shape(self) -> tuple[int, ...]:
        """``shape`` with 1 in the place of every open size."""
        return tuple(1 if length is None else length for length in self.shape)

    @property
    def open_shape(self) -> Shape:
        """``shape`` with open height and width where the port takes pictures of several sizes."""
        return self.shape_for(None, None) if self.sizes else self.shape

    def shape_for(self, height: int | None, width: int | None) -> Shape:
        """``shape`` for an image of this size; as it is where the layout is not known."""
        if self.layout is None:
            return self.shape
        before, channels = self.shape[:-3], self.shape[-1 if self.layout == "NHWC" else -3]
        image = (height, width, channels) if self.layout == "NHWC" else (channels, height, width)
        return (*before, *image)

    def accepts(self, shape: Shape) -> bool:
        """Whether an input of *shape* may be given."""
        if len(shape) == len(self.shape) and all(
            own is None or own == given for own, given in zip(self.shape, shape, strict=True)
        ):
            return True
        if shape in self.sizes:
            return True
        # Without bounds nothing else fits, a scalar neither: it has as many dimensions as there are bounds, none.
        if not self.bounds or len(shape) != len(self.bounds):
            return False
        return all(
            length is not None and low <= length and (high < 0 or length <= high)
            for length, (low, high) in zip(shape, self.bounds, strict=True)
        )

    def allowed(self) -> str:
        """The shapes that may be given, in words."""
        shapes = [_times(shape) for shape in dict.fromkeys((self.shape, *self.sizes))]
        if self.bounds:
            shapes.append("within " + " x ".join(f"{a}..{b if b >= 0 else 'any'}" for a, b in self.bounds))
        return " or ".join(shapes)

    def allowed_sizes(self) -> tuple[str, ...]:
        """Height and width of the pictures that may be given, in words; none where it takes no picture."""
        shapes = dict.fromkeys((self.shape, *self.sizes))
        return tuple(_times(size) for shape in shapes if (size := self.model_copy(update={"shape": shape}).size))


def _times(shape: Shape) -> str:
    return "x".join("any" if length is None else str(length) for length in shape) or "scalar"


class _ImageToImage(BaseModel):
    """The short form of a signature: a picture in, one of the same size out, RGB.

    Without ``dtype`` and ``layout`` both are images, as Core ML has them; with them they are arrays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="ImageToImage")

    height: int = Field(ge=LEAST_SIDE, le=MOST_SIDE)
    width: int = Field(ge=LEAST_SIDE, le=MOST_SIDE)
    input_name: str = "image"
    output_name: str = "stylized"
    color: Literal["RGB"] = "RGB"
    low: float = 0.0
    high: float = 255.0
    dtype: str | None = None
    layout: Layout | None = None
    sizes: tuple[tuple[int, int], ...] | None = None

    @property
    def ports(self) -> tuple[Port, Port]:
        """The input and the output."""
        layout = self.layout or ("NCHW" if self.dtype is None else "NHWC")
        sides = ((self.height, self.width), *(self.sizes or ()))
        first, *sizes = ((1, *size, 3) if layout == "NHWC" else (1, 3, *size) for size in sides)
        shared: dict[str, Any] = {
            "kind": "image" if self.dtype is None else "tensor",
            "shape": first,
            "sizes": tuple(sizes),
            "dtype": self.dtype or "uint8",
            "layout": layout,
            "color": self.color,
            "low": self.low,
            "high": self.high,
        }
        return Port(name=self.input_name, **shared), Port(name=self.output_name, **shared)


class Signature(BaseModel):
    """The inputs and outputs of a network or of a model file, in its order.

    The signature of a *network* has float32 tensors with a batch axis of 1 and channels last, whose pictures are RGB,
    0..255; see :func:`picture` and :func:`tensor`. That of a *file* has the file's own types, layouts and quantization.

    As JSON it is ``{"inputs": [..], "outputs": [..]}``, each port without the keys that have their default; where it is
    one RGB picture of values 0..255 to one of the same size, it is the short form ``{"height", "width", "input_name",
    "output_name", "color", "low", "high"}``, for arrays with ``"dtype"`` and ``"layout"``, and with ``"sizes"``, each
    ``[height, width]``, where there are several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[Port, ...] = Field(min_length=1)
    outputs: tuple[Port, ...] = Field(min_length=1)

    @property
    def pictures(self) -> tuple[Port, ...]:
        """The inputs that are RGB pictures of one size."""
        return tuple(port for port in self.inputs if port.color and port.size and None not in port.size)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels, of the first picture that goes in.

        Raises:
            ModelError: no picture of one size goes in.
        """
        for port in self.pictures:
            if port.size and port.size[0] and port.size[1]:
                return port.size[0], port.size[1]
        raise ModelError(f"no picture of one size goes in, only {', '.join(port.name for port in self.inputs)}")

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width, in pixels, of each picture that may go in; none where there is one size, or any."""
        found = (self.inputs[0].model_copy(update={"shape": shape}).size for shape in self.inputs[0].sizes)
        return tuple((size[0], size[1]) for size in found if size and size[0] and size[1])

    @classmethod
    def flexible(cls, signatures: Sequence[Signature]) -> Signature:
        """The signature of a network that has all of *signatures*, which differ in the sizes of pictures alone."""

        def joined(*ports: Port) -> Port:
            return ports[0].model_copy(update={"sizes": tuple(port.closed_shape for port in ports)})

        inputs, outputs = (map(joined, *(getattr(one, side) for one in signatures)) for side in ("inputs", "outputs"))
        return cls(inputs=tuple(inputs), outputs=tuple(outputs))

    def at(self, size: tuple[int, int]) -> Signature:
        """The signature at one of its :attr:`sizes` alone."""
        index = self.sizes.index(size)
        inputs, outputs = (
            tuple(port.model_copy(update={"shape": port.sizes[index], "sizes": ()}) for port in ports)
            for ports in (self.inputs, self.outputs)
        )
        return Signature(inputs=inputs, outputs=outputs)

    def metadata(self) -> dict[str, str]:
        """What is written into a model file so that the file alone tells how to call it."""
        return {METADATA_KEY: json.dumps(self.model_dump(), separators=(",", ":"))}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Signature | None:
        """The signature that a file's metadata hold, or ``None`` for a file that is not ours.

        Raises:
            ModelError: the entry is there and damaged.
        """
        if METADATA_KEY not in metadata:
            return None
        try:
            return cls.model_validate_json(metadata[METADATA_KEY])
        except ValidationError as error:
            wrong = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ModelError(f"the model's metadata entry {METADATA_KEY!r} is damaged: {wrong}") from error

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "inputs" in data or "outputs" in data:
            return data
        try:
            first, last = _ImageToImage.model_validate(data).ports
        except ValidationError as error:
            wrong = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, wrong['loc'])) or 'signature'}: {wrong['msg']}") from error
        return {"inputs": (first,), "outputs": (last,)}

    @model_serializer(mode="plain")
    def _written(self) -> dict[str, Any]:
        short = _short_form(self)
        if short is not None:
            return short.model_dump(exclude_none=True)
        sides = {"inputs": self.inputs, "outputs": self.outputs}
        return {
            side: [port.model_dump(mode="json", exclude_defaults=True) for port in ports]
            for side, ports in sides.items()
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        general = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [_ImageToImage.model_json_schema(), general], "title": "Signature"}


def _short_form(signature: Signature) -> _ImageToImage | None:
    """The short form of *signature*, where it says the same."""
    first, last, size = signature.inputs[0], signature.outputs[0], signature.inputs[0].size
    if size is None or any(side is None or not LEAST_SIDE <= side <= MOST_SIDE for side in size):
        return None
    if (first.low, first.high, first.color) != (0, 255, "RGB"):
        return None
    kind = {} if first.kind == "image" else {"dtype": first.dtype, "layout": first.layout}
    names = {"input_name": first.name, "output_name": last.name}
    sides = {"height": size[0], "width": size[1], "sizes": signature.sizes or None}
    short = _ImageToImage.model_validate({**sides, **names, **kind})
    return short if (signature.inputs, signature.outputs) == ((short.ports[0],), (short.ports[1],)) else None


def picture(name: str, height: int, width: int) -> Port:
    """A port of a network that holds an RGB picture, ``(1, height, width, 3)`` with values 0..255."""
    shape, look = (1, height, width, 3), {"layout": "NHWC", "color": "RGB", "low": 0.0, "high": 255.0}
    return Port.model_validate({"name": name, "shape": shape, **look})


def tensor(name: str, shape: tuple[int, ...], low: float | None = None, high: float | None = None) -> Port:
    """A port of a network that holds numbers; *shape* begins with a batch of 1, *low* and *high* are their range."""
    return Port(name=name, shape=shape, low=low, high=high)


def image_to_image(height: int, width: int, input_name: str, output_name: str) -> Signature:
    """The signature of a network from an RGB picture to one of the same size; sides are 16 to 4096 pixels."""
    names = {"input_name": input_name, "output_name": output_name}
    arrays = {"dtype": "float32", "layout": "NHWC"}
    return Signature.model_validate({"height": height, "width": width, **names, **arrays})
