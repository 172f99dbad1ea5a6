"""What Apple documents as keeping a model, or parts of it, off the Neural Engine. Nothing here is a guess.

Core ML decides when it loads a model on a device, and Apple lists no operations; a model without notes may still run
elsewhere. Sources, all Apple's:

- Guide to Core ML Tools, "Typed Execution" and "Typed Execution Workflow Example": a float 16 typed program may run on
  the Neural Engine, GPU and CPU, a float 32 typed one on the GPU and CPU.
- Guide to Core ML Tools, "Core ML Tools FAQs", "Neural Engine With Flexible Input Shapes": enumerated shapes stay on
  the Neural Engine unless there are dynamic layers, such as a fully dynamic reshape.
- Developer Forums, thread 724930, an Apple engineer: with a range of sizes only the default shape runs there.
- Documentation of Core ML, `MLCustomLayer`: a custom layer is code of the app for the CPU, and for the GPU if it
  encodes commands for that.
- Guide to Core ML Tools, "Quantization", "Performance": scales for each block are for the GPU; on the Neural Engine
  scales for each channel are recommended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ..features import features
from ..program import Source
from .nouns import Body, Step

_CASTS = ("cast", "read_state")  # where a model takes or gives float32, which says nothing about the rest
_MOST = 5  # kinds that are named


def notes(source: Source, bodies: Iterable[Body], blockwise: int = 0) -> list[str]:
    """What may keep *source* off the Neural Engine; *blockwise* of its weights have scales for each block."""
    steps = [step for body in bodies for step in body.walk()]
    found = [*_flexible(source), *_dynamic(steps), *_custom(steps)]
    if source.format == "mlProgram":
        found += _typed(steps)
    if blockwise:
        found.append(
            f"{blockwise} weights have scales for each block, which are for the GPU; for the Neural Engine scales for "
            "each channel are recommended (Guide to Core ML Tools, Quantization, Performance)"
        )
    return found


def _typed(steps: list[Step]) -> Iterator[str]:
    wide = Counter(s.kind for s in steps if s.outputs and s.outputs[0].dtype == "float32" and s.kind not in _CASTS)
    if wide:
        listed = ", ".join(f"{count} {kind}" for kind, count in wide.most_common(_MOST))
        more = f" and {len(wide) - _MOST} more kinds" if len(wide) > _MOST else ""
        yield (
            f"{sum(wide.values())} of {len(steps)} operations compute in float32 ({listed}{more}), which runs on the "
            "CPU and GPU; convert with compute_precision=FLOAT16 (Guide to Core ML Tools, Typed Execution)"
        )


def _flexible(source: Source) -> Iterator[str]:
    for feature in features(source)[0]:
        if any(low != high for low, high in feature.bounds):
            yield (
                f"input {feature.name!r} takes a range of sizes, of which only the default runs there; enumerate the "
                "sizes instead (Apple Developer Forums, thread 724930; Core ML Tools FAQs)"
            )


def _dynamic(steps: list[Step]) -> Iterator[str]:
    for step in steps:
        shape = dict(step.arguments).get("shape", "")
        # A constant in words starts with a bracket, a quotation mark or a digit; a name does not.
        if step.kind == "reshapeDynamic" or (step.kind == "reshape" and shape[:1].isidentifier()):
            name = step.outputs[0].name if step.outputs else ""
            yield f"{step.kind} {name!r} takes a shape known only in a run, which is not supported (Core ML Tools FAQs)"


def _custom(steps: list[Step]) -> Iterator[str]:
    if count := sum(step.kind in ("custom", "custom_layer") for step in steps):
        yield f"{count} custom layers run on the CPU, or the GPU if their code is made for it (Core ML, MLCustomLayer)"
