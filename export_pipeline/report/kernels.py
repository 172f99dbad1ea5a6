"""Kernels of a file by the names of the network's layers, which converters do not keep."""

from __future__ import annotations

from export_pipeline.records.contents import Contents


def layer_names(network: Contents, file: Contents) -> dict[str, str]:
    """The layer of each convolution kernel of *file*, by what the file calls it.

    Both list kernels in the order in which they compute, and those of one size are one another's in that order. Nothing
    is said of sizes that a converter has joined or split.
    """
    wanted, found = _by_size(network), _by_size(file)
    return {
        name: layer.removesuffix("/kernel").removesuffix("/depthwise_kernel")
        for size, names in found.items()
        if len(wanted.get(size, ())) == len(names)
        for name, layer in zip(names, wanted[size], strict=True)
    }


def _by_size(contents: Contents) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for weight in contents.weights:
        if weight.convolution:
            found.setdefault(weight.parameters, []).append(weight.name)
    return found
