"""Keras networks: plain arguments in, a ``tf_keras`` model out. Imports nothing of ``export_pipeline``."""

from __future__ import annotations

import os

# tfmot and our layers are written for Keras 2; TensorFlow reads this when it is first imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from models.style_net import NORMS, johnson, small
from models.vgg import vgg19

NETWORKS = {"johnson": johnson, "small": small}

__all__ = ["NETWORKS", "NORMS", "johnson", "small", "vgg19"]
