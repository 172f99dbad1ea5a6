"""What a Core ML file takes and gives, from what its network does."""

from __future__ import annotations

from export_pipeline.records.signature import Port, Signature


def is_image(port: Port) -> bool:
    """Whether a port of a network becomes an image of Core ML: an RGB picture of values 0..255."""
    return port.color == "RGB" and (port.low, port.high) == (0, 255) and port.size is not None


def file_signature(network: Signature) -> Signature:
    """RGB pictures become images; everything else stays an array with the network's axes."""
    return Signature(inputs=_of_file(network.inputs), outputs=_of_file(network.outputs))


def _of_file(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    return tuple(_image(port) if is_image(port) else port for port in ports)


def _image(port: Port) -> Port:
    shape, *sizes = ((1, 3, *each[1:3]) for each in (port.shape, *port.sizes))
    update = {"kind": "image", "shape": shape, "sizes": tuple(sizes), "dtype": "uint8", "layout": "NCHW"}
    return port.model_copy(update=update)
