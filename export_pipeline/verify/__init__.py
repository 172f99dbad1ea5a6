"""The verify stage: run every exported file beside the float Keras network, and judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from export_pipeline.base.counting import Count, each
from export_pipeline.errors import EmulatorError, ModelError, UsageError
from export_pipeline.formats import format_of, open_model
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.metric import Metric, mean_values
from export_pipeline.records.parity import BASELINE, FLOAT, ParityResult
from export_pipeline.targets import Tolerance, target_of
from export_pipeline.tasks.task import Arrays, Evaluator, Sample, SampleEvaluator, Task, evaluators, mean_measured
from export_pipeline.verify.metrics import incomparable, kept, parity
from export_pipeline.verify.stress import stressed
from export_pipeline.verify.tolerances import tolerance, verdict

__all__ = ["KeptRows", "ParityResult", "verify"]


class KeptRows(Protocol):
    """Where rows of files are kept that need not be measured again."""

    def read(self, model: ExportedModel) -> ParityResult | None:
        """The row of *model* as it was measured, if it stands."""

    def write(self, model: ExportedModel, row: ParityResult) -> None:
        """Keep the *row* of *model*."""


@dataclass(frozen=True, eq=False)
class _Reference:
    """A sample, what the float network gives for it, and what measures outputs for it, if anything does."""

    sample: Sample
    outputs: Arrays
    evaluator: SampleEvaluator | None


@dataclass(frozen=True)
class _References:
    """All samples, and the metrics of the float network and of what can be had without one."""

    samples: Sequence[_Reference]
    metrics: Mapping[str, float]


def verify(
    folder: Path | str,
    exported: Sequence[ExportedModel],
    float_model: Any,
    task: Task,
    evaluator: Evaluator | str,
    progress: Callable[[str], None] = lambda line: None,
    size: str = "",
    kept: KeptRows | None = None,
) -> tuple[ParityResult, ...]:
    """Compare every file with the float network on the task's validation samples.

    Args:
        folder: where the files lie.
        exported: what to check; one result is given for each, in this order. Then one that is skipped for each target
            of the task's recipe whose library is not here.
        float_model: a Keras network of the task.
        task: gives the samples and the metrics; its recipe names tolerances of its own, if any.
        evaluator: measures the metrics; or why none does: then they are skipped, and the rows say so.
        progress: called with a line of text before each file, and with how far it is.
        size: that the task is of, where it is a further one of the recipe's, as it stands in the names of targets.
        kept: rows that need not be measured again, and where each is kept as soon as it is measured.

    A file that cannot be run, or whose output is not finite, has failed; and so has one that is no better than what
    can be had without a network, or that strays from the float network in a metric that must stay near it.

    Raises:
        UsageError: there are no samples, or a target is unknown.
    """
    samples = task.validation()
    if not samples:
        raise UsageError("there is nothing to verify on; give at least one validation sample")
    references = None
    results = []
    for model in exported:
        row = kept.read(model) if kept is not None else None
        if row is not None:
            progress(f"{model.target}: kept, for neither the file nor what it is held against has changed")
        else:
            if references is None:
                progress(f"float network on {len(samples)} samples")
                references = _references(task, float_model, samples, evaluator, progress)
            progress(f"{model.target}: {model.file}")
            check = _Check(Path(folder) / model.file, model, tolerance(model.target, task.recipe), progress)
            row = check.of(references, task, evaluator)
            if kept is not None:
                kept.write(model, row)
        results.append(row)
    return (*results, *_skipped(task.recipe, exported, size))


def _skipped(recipe: Recipe, exported: Sequence[ExportedModel], size: str) -> Iterator[ParityResult]:
    """Rows of targets that were not made, for what makes and runs them is not here."""
    for target in recipe.export.files_at(size):
        file = target_of(target).file_name(recipe.name)
        if target in {model.target for model in exported} or not (reason := format_of(file).missing()):
            continue
        limit = tolerance(target, recipe)
        row = {
            "target": target,
            "file": file,
            "images": 0,
            "min_psnr": limit.min_psnr,
            "tolerance_reason": limit.reason,
        }
        why = {"status": "skipped", "reason": reason, "quality": "skipped", "quality_reason": reason}
        yield ParityResult.model_validate({**row, **why})


def _references(
    task: Task, model: Any, samples: Sequence[Sample], evaluator: Evaluator | str, say: Callable[[str], None]
) -> _References:
    outputs = each(lambda one: task.infer(model, one.inputs), samples, say, "float network:")
    if isinstance(evaluator, str):
        return _References([_Reference(*pair, None) for pair in zip(samples, outputs, strict=True)], {})
    own = evaluators(evaluator, samples)
    rows = {
        FLOAT: mean_measured(zip(own, outputs, strict=True), Count(say, "float network, judged:", len(own))),
        BASELINE: mean_values([one.baseline() for one in own]),
    }
    metrics = {f"{prefix}{name}": value for prefix, row in rows.items() for name, value in row.items()}
    return _References([_Reference(*parts) for parts in zip(samples, outputs, own, strict=True)], metrics)


@dataclass(frozen=True)
class _Check:
    """The check of one file."""

    path: Path
    model: ExportedModel
    limit: Tolerance
    say: Callable[[str], None]

    def of(self, references: _References, task: Task, evaluator: Evaluator | str) -> ParityResult:
        """The row of the file."""
        samples = references.samples
        try:
            runtime = open_model(self.path)
            outputs = each(lambda one: runtime.infer(one.sample.inputs), samples, self.say, f"{self.model.target}:")
        except (ModelError, EmulatorError) as error:
            return self._failed(len(samples), f"it does not run: {error}")
        pairs = [(own, one.outputs) for own, one in zip(outputs, samples, strict=True)]
        if reason := incomparable(pairs):
            return self._failed(len(samples), reason)
        numbers = parity(pairs, task.signature.outputs)
        result = verdict(numbers["psnr"], self.limit.min_psnr)
        quality: dict[str, Any] = {"quality": "skipped", "quality_reason": evaluator}
        if not isinstance(evaluator, str):
            quality = _quality(outputs, references, Count(self.say, f"{self.model.target}, judged:", len(samples)))
            if result["status"] == "passed" and (reason := _useless(quality, task.metrics)):
                result = {"status": "failed", "reason": reason}
        first = samples[0]
        stress = stressed(self.path, self.model.target, task, first.sample, first.outputs)
        return self._result(images=len(samples), stress=stress, **numbers, **quality, **result)

    def _failed(self, images: int, reason: str) -> ParityResult:
        return self._result(images=images, status="failed", reason=reason, quality="skipped", quality_reason=reason)

    def _result(self, **found: Any) -> ParityResult:
        about = {
            "target": self.model.target,
            "file": self.model.file,
            "min_psnr": self.limit.min_psnr,
            "tolerance_reason": self.limit.reason,
        }
        return ParityResult.model_validate({**about, **found})


def _quality(outputs: Sequence[Arrays], references: _References, count: Count) -> dict[str, Any]:
    pairs = zip(references.samples, outputs, strict=True)
    own = mean_measured(((one.evaluator, found) for one, found in pairs if one.evaluator), count)
    return {"quality": "measured", **{name: kept(value, 6) for name, value in (own | dict(references.metrics)).items()}}


def _useless(quality: dict[str, Any], metrics: Sequence[Metric]) -> str:
    """Why the file is of no use: a metric is no number, beyond its limit, no better than with no network, or strays."""
    for metric in metrics:
        own, baseline, name = quality[metric.name], quality[f"{BASELINE}{metric.name}"], metric.name.replace("_", " ")
        if own is None:
            return f"its {name} is not a number"
        if metric.limit and metric.worse_than(own, metric.limit[0]):
            return f"{metric.limit[1]}: its {name} is {own:.4f}, and {metric.limit[0]:g} is the {metric.rule}"
        if metric.without and baseline is None:
            return f"the {name} of {metric.without} is not a number"
        if metric.without and (own == baseline or metric.worse_than(own, baseline)):
            return f"its {name} {own:.4f} is no better than that of {metric.without}, {baseline:.4f}"
        network = quality[f"{FLOAT}{metric.name}"]
        if metric.within and network is None:
            return f"the {name} of the float network is not a number"
        if metric.within and metric.strays(own, network):
            return (
                f"its {name} {own:.4f} differs by more than {metric.within:.0%} from the float network's, {network:.4f}"
            )
    return ""
