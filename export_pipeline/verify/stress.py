"""Every file that hardware may add up in half precision, run so on a sample."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.errors import EmulatorError, ModelError
from export_pipeline.formats import open_model
from export_pipeline.formats.stress import Stressed
from export_pipeline.records.stress import StressResult
from export_pipeline.targets import target_of
from export_pipeline.tasks.task import Arrays, Sample, Task
from export_pipeline.verify.metrics import incomparable, parity

_CURE = (
    "scale down what it adds up, or add it up in steps, such as average pools; verify.stress = false leaves this "
    "check out"
)


def stressed(path: Path, target: str, task: Task, sample: Sample, reference: Arrays) -> StressResult | None:
    """The row of a file, or ``None`` where its sums are not in half precision.

    Args:
        path: the file, which runs.
        target: its name.
        task: its recipe may leave the check out; its ports say how outputs are compared.
        sample: what the file is run on.
        reference: what the float network gives for it.
    """
    if not target_of(target).half_sums:
        return None
    if not task.recipe.verify.stress:
        return StressResult(status="skipped", reason="the recipe leaves it out (verify.stress = false)")
    try:
        found = open_model(path).stress(sample.inputs)
    except (ModelError, EmulatorError) as error:
        return StressResult(status="failed", reason=f"it does not run with half-precision sums: {error}")
    if found is None:
        return StressResult(status="skipped", reason=f"half-precision sums of {path.suffix} files are not modelled")
    return _row(found, task, reference)


def _row(found: Stressed, task: Task, reference: Arrays) -> StressResult:
    numbers = {"operations": found.operations, "overflows": len(found.lost), "psnr": _psnr(found, task, reference)}
    if not found.lost:
        return StressResult.model_validate({"status": "passed", **numbers})
    largest = max(one.largest for one in found.lost)
    first = found.lost[0]
    reason = (
        f"{len(found.lost)} of {found.operations} operations leave half precision, which ends at 65504, first "
        f"{first.operation} {first.name} with {first.largest:.4g}: {_CURE}"
    )
    return StressResult.model_validate({"status": "failed", "reason": reason, "largest": largest, **numbers})


def _psnr(found: Stressed, task: Task, reference: Arrays) -> float | None:
    if found.outputs is None or incomparable([(found.outputs, reference)]):
        return None
    return parity([(found.outputs, reference)], task.signature.outputs)["psnr"]
