"""What a model file tells about how to call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export_pipeline.errors import ModelError
from export_pipeline.records.signature import LEAST_SIDE, MOST_SIDE, Layout, Port, Shape, Signature


@dataclass(frozen=True)
class Interface:
    """Text entries that a file carries, and its inputs and outputs in order; see :func:`described`."""

    metadata: dict[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def signature(self) -> Signature | None:
        """From the file's metadata, else from its shapes; ``None`` when it takes any size or no picture.

        Raises:
            ModelError: the entry in the metadata is damaged.
        """
        written = Signature.from_metadata(self.metadata)
        if written is not None:
            return Signature(
                inputs=_of_this_file(written.inputs, self.inputs), outputs=_of_this_file(written.outputs, self.outputs)
            )
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return None
        size = self.inputs[0].size or (None, None)
        if any(side is None or not LEAST_SIDE <= side <= MOST_SIDE for side in size):
            return None
        return Signature(inputs=(_as_picture(self.inputs[0]),), outputs=(_as_picture(self.outputs[0]),))


def described(metadata: Mapping[str, Any], inputs: Sequence[Port], outputs: Sequence[Port]) -> Interface:
    """The interface of a file whose *metadata* and ports are these, as its library gives them.

    Libraries tell no layout, colour or range of an array: they come from the signature in the metadata. In a file
    without one, an axis of three values is taken for the channels of a picture.
    """
    texts = {str(key): str(value) for key, value in metadata.items()}
    try:
        written = Signature.from_metadata(texts)
    except ModelError:
        written = None  # the file runs all the same; who asks for its signature is told
    told_inputs, told_outputs = (written.inputs, written.outputs) if written else ((), ())
    return Interface(texts, _told(inputs, told_inputs), _told(outputs, told_outputs))


def guessed_layout(shape: Shape) -> Layout | None:
    """The layout in which *shape* is that of an RGB picture; ``None`` where there is none.

    Arrays of older Core ML files have no batch.
    """
    if len(shape) == 4 and shape[3] == 3:
        return "NHWC"
    return "NCHW" if len(shape) in (3, 4) and shape[-3] == 3 else None


def _told(ports: Sequence[Port], written: Sequence[Port]) -> tuple[Port, ...]:
    """*ports* with what the *written* ones of the same names say of them."""
    by_name = {port.name: port for port in written}
    pairs = ((port, by_name.get(port.name)) for port in ports)
    return tuple(_with_sizes(_with_layout(port, told), told) for port, told in pairs)


def _with_sizes(port: Port, told: Port | None) -> Port:
    """*port* with the sizes that the file was verified at, where it is open and would take each of them."""
    if told is None or not told.sizes or port.sizes or not all(map(port.accepts, told.sizes)):
        return port
    return port.model_copy(update={"shape": told.shape, "sizes": told.sizes, "bounds": ()})


def _with_layout(port: Port, told: Port | None) -> Port:
    if port.kind != "tensor" or port.layout is not None:
        return port
    if told is None:
        return port.model_copy(update={"layout": guessed_layout(port.shape)})
    # A signature of before its form had a layout calls every picture an image.
    layout = told.layout if told.kind == "tensor" else guessed_layout(port.shape)
    return port.model_copy(update={"layout": layout, "color": told.color, "low": told.low, "high": told.high})


def _of_this_file(written: Sequence[Port], ports: Sequence[Port]) -> tuple[Port, ...]:
    """The *written* ports; the file's own where those are called images and are arrays in the file."""
    by_name = {port.name: port for port in ports}
    found = (by_name.get(port.name, port) for port in written)
    return tuple(own if port.kind != own.kind else port for port, own in zip(written, found, strict=True))


def _as_picture(port: Port) -> Port:
    """*port* of a file that does not say what its values mean; a picture is taken for an RGB one, 0..255."""
    if port.size is None or port.kind == "image":
        return port
    return port.model_copy(update={"color": "RGB", "low": 0.0, "high": 255.0})
