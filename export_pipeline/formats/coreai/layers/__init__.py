"""The layers that are written, by kind; importing this registers all of them."""

from export_pipeline.formats.coreai.layers import (
    activations,
    arithmetic,
    colors,
    convolution,
    dense,
    norms,
    pooling,
    recurrent,
    resizing,
    shape,
    wrappers,
)

__all__ = [
    "activations",
    "arithmetic",
    "colors",
    "convolution",
    "dense",
    "norms",
    "pooling",
    "recurrent",
    "resizing",
    "shape",
    "wrappers",
]
