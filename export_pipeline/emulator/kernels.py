"""Types that ONNX allows an operation and ONNX Runtime has no kernel for: such values are widened, and brought back."""

from __future__ import annotations

import numpy as np

_BOOL, _INT32, _BYTE, _DOUBLE = (np.dtype(kind) for kind in (np.bool_, np.int32, np.uint8, np.float64))
# By operation: the carriers that its CPU kernels lack, and the type that holds all their values and has a kernel.
# A test holds this table against the kernels of the installed version.
WIDER: dict[str, dict[np.dtype, np.dtype]] = {
    "Where": {_BOOL: _BYTE},
    "Resize": {_BOOL: _BYTE},
    "DepthToSpace": {_BOOL: _BYTE, _INT32: _DOUBLE},
    "SpaceToDepth": {_BOOL: _BYTE, _INT32: _DOUBLE},
}
# The first input that has the type of the output, where it is not the first of all.
FIRST_OF_TYPE = {"Where": 1}
