"""Re-check a bundle anywhere: its bytes, and what its files make of the golden sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export_pipeline.base.images import to_uint8
from export_pipeline.bundle import Arrays, Bundle, read_golden
from export_pipeline.errors import CheckFailed, EmulatorError, ModelError
from export_pipeline.formats import format_of, open_model
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.targets import split_size
from export_pipeline.verify.metrics import incomparable, parity
from export_pipeline.verify.tolerances import verdict

NO_JUDGE = "only parity is re-checked; the report holds the distances as measured when the bundle was built"


def verify_bundle(bundle: Bundle, progress: Callable[[str], None] = lambda line: None) -> tuple[ParityResult, ...]:
    """Compare every byte with the manifest, then run every file on the golden sample of its size, or of each.

    Pictures are rounded to 8 bits before they are compared, as the golden output of the float network is.

    Raises:
        CheckFailed: files are missing, surplus or changed.
    """
    count = bundle.check_files()
    progress(f"{count} files are as they were built")
    results = []
    models = bundle.manifest.models
    for model in (one.at(size) for one in models for size in ("", *one.further)):
        inputs, expected = read_golden(bundle, split_size(model.target)[1])
        progress(f"{model.target}: {model.file}")
        results.append(_check(bundle, model, inputs, expected))
    return tuple(results)


def require_passed(results: tuple[ParityResult, ...]) -> None:
    """Raise CheckFailed with every row that has failed. Where nothing has passed, what was skipped has failed, too."""
    passed = any(row.status == "passed" for row in results)
    failed = [f"{row.target} {row.reason}" for row in results if row.status == "failed" or not passed]
    if failed or not results:
        raise CheckFailed(f"parity: {'; '.join(failed) or 'the bundle holds no models'}")


def _check(bundle: Bundle, model: ExportedModel, inputs: Arrays, expected: Arrays) -> ParityResult:
    least = bundle.manifest.min_psnr[model.target]
    row: dict[str, Any] = {"target": model.target, "file": model.file, "images": 1, "min_psnr": least}
    row |= {"quality": "skipped", "quality_reason": NO_JUDGE}
    if reason := format_of(model.file).missing():
        return ParityResult(**row, status="skipped", reason=reason)
    pictures = {port.name for port in bundle.manifest.signature.outputs if port.color}
    try:
        found = open_model(bundle.model_path(model)).infer(inputs)
    except (ModelError, EmulatorError) as error:
        return ParityResult(**row, status="failed", reason=f"it does not run: {error}")
    if reason := incomparable([(found, expected)]):
        return ParityResult(**row, status="failed", reason=reason)
    outputs = {name: to_uint8(value) if name in pictures else value for name, value in found.items()}
    numbers = parity([(outputs, expected)], bundle.manifest.signature.outputs)
    return ParityResult(**row, **numbers, **verdict(numbers["psnr"], least))
