"""Compressed constants.

They are decompressed once, by coremltools' own definition of each, when an operation first asks for their value
(``calls.Constants``). They are listed here so that they count as known; the lowering never calls them.
"""

from __future__ import annotations

from ..calls import Call
from ..graph import Tensor
from ..registry import lower


@lower(
    "const", "constexpr_affine_dequantize", "constexpr_blockwise_shift_scale", "constexpr_cast",
    "constexpr_lut_to_dense", "constexpr_lut_to_sparse", "constexpr_sparse_blockwise_shift_scale",
    "constexpr_sparse_to_dense",
)  # fmt: skip
def constant(call: Call) -> Tensor:
    """Not called: constants are values, not nodes."""
    raise call.unsupported("constants are not lowered")
