"""The tolerance of a file, and the verdict on what was measured."""

from __future__ import annotations

from typing import Any

from export_pipeline.errors import UsageError, near
from export_pipeline.recipe import Recipe
from export_pipeline.targets import TARGETS, Tolerance, is_target, split_size, target_of

NOT_A_NUMBER = (
    "PSNR is not a number: the float network's output is not finite, or constant at a port with no known range"
)


def tolerance(target: str, recipe: Recipe) -> Tolerance:
    """The tolerance of *target*: the recipe's where it sets one, else that of its row in ``TARGETS``.

    A target of a further size has that of the same target of the first size, unless the recipe names it.

    Raises:
        UsageError: the target is unknown.
    """
    if not is_target(target):
        raise UsageError(f"no tolerance for target {target!r}; {near(target, TARGETS)}")
    for name in (target, split_size(target)[0]):
        if name in recipe.verify.min_psnr:
            return Tolerance(recipe.verify.min_psnr[name], "set in the recipe, verify.min_psnr")
    return target_of(target).tolerance


def verdict(measured: float | None, least: float) -> dict[str, Any]:
    """Status and reason of a row whose PSNR is *measured* dB, ``None`` when it is not finite."""
    if measured is None:
        return {"status": "failed", "reason": NOT_A_NUMBER}
    if measured < least:
        return {"status": "failed", "reason": f"PSNR {measured:.2f} dB is {least - measured:.2f} dB below {least:g} dB"}
    return {"status": "passed", "reason": ""}
