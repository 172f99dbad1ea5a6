"""Verify: run every exported file beside the float Keras network, and judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.errors import EmulatorError, ModelError, UsageError
from export_pipeline.formats import open_model, resize_to
from export_pipeline.perception.judge import Reference, StyleJudge
from export_pipeline.recipe import Recipe
from export_pipeline.records.distances import Distances
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.verify.metrics import kept, max_abs, parity, psnr, ssim
from export_pipeline.verify.tolerances import TOLERANCES, Tolerance, tolerance, verdict

__all__ = ["TOLERANCES", "ParityResult", "StyleJudge", "Tolerance", "max_abs", "psnr", "ssim", "tolerance", "verify"]

NO_JUDGE = "VGG-19's weights are not at hand, and verify.judge = 'cached' fetches none"


@dataclass(frozen=True)
class _Reference:
    """A photograph at the files' size, the float network's output for it, and what the judge says of that."""

    photograph: np.ndarray
    output: np.ndarray
    judged: Reference | None
    distances: Distances | None


def verify(
    folder: Path | str,
    exported: Sequence[ExportedModel],
    float_model: Any,
    photographs: Sequence[np.ndarray],
    recipe: Recipe,
    judge: StyleJudge | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[ParityResult, ...]:
    """Compare every file with the float network on the same photographs.

    Args:
        folder: where the files lie.
        exported: what to check; one result is given for each, in this order.
        float_model: a Keras network ``(1, H, W, 3)`` to the same, 0..255.
        photographs: ``(H, W, 3)`` RGB uint8 of any size; each is fitted to the files' size.
        recipe: names tolerances of its own, if any.
        judge: measures style and content; without one both are skipped, and the rows say so.
        progress: called with a line of text before each file.

    A file that cannot be run, or whose output is not finite, has failed.

    Raises:
        UsageError: there are no photographs, or a target is unknown.
    """
    if not len(photographs):
        raise UsageError("there are no photographs to verify on; give at least one")
    say = progress or (lambda line: None)
    say(f"float network on {len(photographs)} photographs")
    references = [_reference(float_model, resize_to(image, recipe.signature), judge) for image in photographs]
    results = []
    for model in exported:
        say(f"{model.target}: {model.file}")
        results.append(_check(Path(folder) / model.file, model, references, tolerance(model.target, recipe), judge))
    return tuple(results)


def _reference(model: Any, photograph: np.ndarray, judge: StyleJudge | None) -> _Reference:
    output = np.asarray(model(photograph.astype(np.float32)[None], training=False))[0]
    if judge is None:
        return _Reference(photograph, output, None, None)
    judged = judge.reference(photograph)
    return _Reference(photograph, output, judged, judge.distances(output, judged))


def _check(
    path: Path, model: ExportedModel, references: Sequence[_Reference], limit: Tolerance, judge: StyleJudge | None
) -> ParityResult:
    about: dict[str, Any] = {
        "target": model.target,
        "file": model.file,
        "images": len(references),
        "min_psnr": limit.min_psnr,
        "tolerance_reason": limit.reason,
    }
    try:
        runtime = open_model(path)
        outputs = [runtime.stylize(reference.photograph) for reference in references]
    except (ModelError, EmulatorError) as error:
        reason = f"it does not run: {error}"
        return ParityResult(**about, status="failed", reason=reason, quality="skipped", quality_reason=reason)
    shapes = {output.shape for output in outputs} | {references[0].output.shape}
    if len(shapes) > 1 or not all(np.isfinite(output).all() for output in outputs):
        reason = f"its output has the wrong size: {sorted(shapes)}" if len(shapes) > 1 else "its output is not finite"
        return ParityResult(**about, status="failed", reason=reason, quality="skipped", quality_reason=reason)
    numbers = parity([(output, reference.output) for output, reference in zip(outputs, references, strict=True)])
    quality = _quality(outputs, references, judge)
    return ParityResult(**about, **numbers, **quality, **verdict(numbers["psnr"], limit.min_psnr))


def _quality(
    outputs: Sequence[np.ndarray], references: Sequence[_Reference], judge: StyleJudge | None
) -> dict[str, Any]:
    if judge is None:
        return {"quality": "skipped", "quality_reason": NO_JUDGE}
    own = judge.mean_distances(outputs, [r.judged for r in references if r.judged is not None])
    of_float = Distances.mean([reference.distances for reference in references if reference.distances is not None])
    return {
        "quality": "measured",
        "content_distance": kept(own.content_distance, 6),
        "style_distance": kept(own.style_distance, 6),
        "float_content_distance": kept(of_float.content_distance, 6),
        "float_style_distance": kept(of_float.style_distance, 6),
    }
