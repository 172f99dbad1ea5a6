"""Any style, and any resolution: painting after paintings at hand, and running a network over an image in bands."""

from __future__ import annotations
