"""Keras networks: plain arguments in, a ``tf_keras`` model out. Imports nothing of ``export_pipeline``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

# tfmot and our layers are written for Keras 2; TensorFlow reads this when it is first imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def _load_tensorflow() -> None:
    """Import TensorFlow without what its C++ side prints before any log level counts."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_load_tensorflow()

from .adain import adain_subpixel, style_encoder  # noqa: E402
from .blocks import BLOCKS_KINDS, NORMS  # noqa: E402
from .style_net import johnson, small  # noqa: E402
from .subpixel import subpixel  # noqa: E402
from .unet import unet  # noqa: E402
from .vgg import vgg19  # noqa: E402

NETWORKS: dict[str, Callable[..., Any]] = {
    "adain_subpixel": adain_subpixel,
    "johnson": johnson,
    "small": small,
    "subpixel": subpixel,
    "unet": unet,
}

__all__ = [
    "BLOCKS_KINDS",
    "NETWORKS",
    "NORMS",
    "adain_subpixel",
    "johnson",
    "small",
    "style_encoder",
    "subpixel",
    "unet",
    "vgg19",
]
