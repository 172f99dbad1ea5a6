"""The least PSNR of each target against the float Keras network, and why it is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from export_pipeline.errors import UsageError, near
from export_pipeline.recipe import Recipe


@dataclass(frozen=True)
class Tolerance:
    """``min_psnr`` in dB at peak 255, of the worst photograph."""

    min_psnr: float
    reason: str


_FLOAT32 = Tolerance(60, "the same float32 arithmetic, only in another order")
_FLOAT16 = Tolerance(45, "float16 keeps 11 bits; 45 dB is 1.4 of 255 steps, below what an eye sees")
_EXACT16 = Tolerance(
    45,
    "the clustered or pruned network's own weights in float16: as exact as that. Measured 58.7 dB at 1 to 8 bits, "
    "of which rounding the image to bytes alone leaves 58.9",
)
_WEIGHTS8 = Tolerance(
    35, "8-bit weights, float arithmetic: each kernel is off by up to half a step of 1/127 of its peak"
)
_FULL8 = Tolerance(30, "weights and activations in 8 bits: each layer rounds its output to 256 values")

TOLERANCES = {
    "onnx-fp32": _FLOAT32,
    "mlpackage-fp16": _FLOAT16,
    "tflite-fp16": _FLOAT16,
    "mlpackage-int8": _WEIGHTS8,
    "mlmodel-int8": _WEIGHTS8,
    "tflite-dynamic": _WEIGHTS8,
    "tflite-int8": _FULL8,
    "mlpackage-palettized": _EXACT16,
    "mlmodel-palettized": _EXACT16,
    "mlpackage-sparse": _EXACT16,
    "mlpackage-joint": _EXACT16,
}


def tolerance(target: str, recipe: Recipe) -> Tolerance:
    """The tolerance of *target*: the recipe's where it sets one, else the table's.

    Raises:
        UsageError: the target is unknown.
    """
    if target not in TOLERANCES:
        raise UsageError(f"no tolerance for target {target!r}; {near(target, TOLERANCES)}")
    if target in recipe.verify.min_psnr:
        return Tolerance(recipe.verify.min_psnr[target], "set in the recipe, verify.min_psnr")
    return TOLERANCES[target]


def verdict(measured: float | None, least: float) -> dict[str, Any]:
    """Status and reason of a row whose PSNR is *measured* dB, ``None`` when it is not finite."""
    if measured is None:
        return {"status": "failed", "reason": "PSNR is not a number: the float network's output is not finite"}
    if measured < least:
        return {"status": "failed", "reason": f"PSNR {measured:.2f} dB is {least - measured:.2f} dB below {least:g} dB"}
    return {"status": "passed", "reason": ""}
