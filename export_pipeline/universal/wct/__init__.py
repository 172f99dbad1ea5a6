"""Universal style transfer by whitening and colouring: features, their statistics, and mirrored decoders."""

from __future__ import annotations
