"""Crops of a Core ML neural network, which the converter makes between two transposes, as single layers."""

from __future__ import annotations

from typing import Any

CHANNELS_LAST, CHANNELS_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
# One input, and every value by itself: the order of the axes is nothing to them.
ELEMENTWISE = frozenset({"activation", "unary", "multiply", "add"})


def crop_channels_first(spec: Any) -> None:
    """Replace in *spec*, in place, channels last, crop, channels first by the layer ``crop``, which needs neither.

    That layer crops to the size of another one's output, here of an image that the network takes. Elementwise layers
    may lie between the first transpose and the crop. What does not fit this pattern is left as it is.
    """
    network = spec.neuralNetwork
    images: dict[tuple[int, int] | None, str] = {
        (int(feature.type.imageType.height), int(feature.type.imageType.width)): feature.name
        for feature in spec.description.input
        if feature.type.WhichOneof("Type") == "imageType"
    }
    for first in list(network.layers):
        if _transposes(first, CHANNELS_LAST):
            between = _elementwise_after(network, first)
            cut = _only_taker(network, (between or [first])[-1])
            last = cut and _only_taker(network, cut)
            size = _cut_size(cut) if last and _transposes(last, CHANNELS_FIRST) else None
            if size in images:
                _replace(network, first, between, cut, last, images[size])


def _transposes(layer: Any, axes: list[int]) -> bool:
    return layer.WhichOneof("layer") == "transpose" and list(layer.transpose.axes) == axes


def _elementwise_after(network: Any, layer: Any) -> list[Any]:
    found: list[Any] = []
    taker = _only_taker(network, layer)
    while taker and taker.WhichOneof("layer") in ELEMENTWISE:
        found.append(taker)
        taker = _only_taker(network, taker)
    return found


def _only_taker(network: Any, layer: Any) -> Any:
    """The layer of one input that takes the output of *layer*, if no other does."""
    takers = [other for other in network.layers if layer.output[0] in other.input]
    return takers[0] if len(takers) == 1 and len(takers[0].input) == 1 else None


def _cut_size(layer: Any) -> tuple[int, int] | None:
    """Height and width of what *layer* leaves of ``(1, H, W, C)``; ``None`` where it does more than crop."""
    cut = layer.sliceStatic
    whole = [bool(begin and end) for begin, end in zip(cut.beginMasks, cut.endMasks, strict=True)]
    inside = whole == [True, False, False, True] and min(*cut.beginIds, *cut.endIds) >= 0
    if not inside or set(cut.strides) != {1} or any(cut.squeezeMasks):
        return None
    return cut.endIds[1] - cut.beginIds[1], cut.endIds[2] - cut.beginIds[2]


def _replace(network: Any, first: Any, between: list[Any], cut: Any, last: Any, image: str) -> None:
    offset = list(cut.sliceStatic.beginIds)[1:3]
    (between or [cut])[0].input[:] = first.input
    cut.input[:] = [cut.input[0], image]
    cut.output[:] = last.output
    for layer in (*between, cut):  # shapes that they may carry are those of the other order
        layer.ClearField("inputTensor")
        layer.ClearField("outputTensor")
    cut.ClearField("sliceStatic")
    cut.crop.offset[:] = offset
    kept = [layer for layer in network.layers if layer.name not in (first.name, last.name)]
    del network.layers[:]
    network.layers.extend(kept)
