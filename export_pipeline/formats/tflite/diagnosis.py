"""What a TFLite file says of how it will fare on a GPU, and whether it computes in the bits that its name says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from export_pipeline.formats import diagnosis
from export_pipeline.formats.tflite import gpu
from export_pipeline.formats.tflite.graph import Node, opened
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis, Refusal

ACCELERATOR = "GPU delegate"
KERNELS = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"}
_FLOATS = ("FLOAT16", "FLOAT32")
# What a nearest upsampling is made of where it is not one operation: Keras 3 repeats elements (``UpSampling2D``).
_REPEATS = ("TILE", "BROADCAST_TO")


def read(path: Path, contents: Contents) -> Diagnosis:
    """Diagnose the first graph of a file, whose *contents* are known."""
    _, graph, nodes = opened(path)
    reasons = {place: why for place, node in enumerate(nodes) if (why := gpu.refusal(node))}
    given = {index for node in nodes for index in node.given}
    ready = frozenset(range(len(graph.tensors))) - given
    stretches = gpu.parts(nodes, frozenset(reasons), ready)
    longest, sums = diagnosis.long_sums(dict(_sums(nodes)))
    return Diagnosis(
        accelerator=ACCELERATOR,
        operations=len(nodes),
        refused=_refusals(nodes, reasons),
        parts=len(stretches),
        delegated=max(map(len, stretches), default=0),
        float_share=diagnosis.float_share(contents),
        longest_sum=longest,
        sums=sums,
        notes=tuple(_notes(nodes)),
        failures=(*diagnosis.float_kernels(path, contents), *_float_arithmetic(path, nodes)),
    )


def _refusals(nodes: Sequence[Node], reasons: dict[int, str]) -> tuple[Refusal, ...]:
    counts = Counter((nodes[place].kind, why) for place, why in reasons.items())
    return tuple(Refusal(operation=kind, count=count, reason=why) for (kind, why), count in counts.most_common())


def _sums(nodes: Sequence[Node]) -> Iterator[tuple[str, int]]:
    """The most values that a sum of each type of operation adds up in floats."""
    found: dict[str, int] = {}
    for node in nodes:
        if node.given and node.types[node.given[0]] in _FLOATS and (count := added(node)) > 1:
            found[node.kind] = max(found.get(node.kind, 0), count)
    yield from found.items()


def added(node: Node) -> int:
    """How many values one sum of *node* adds up; 0 where it adds none up."""
    kernel = node.shapes[node.taken[1]] if len(node.taken) > 1 else ()
    if node.kind in ("MEAN", "SUM"):
        return _count(node.shapes[node.taken[0]]) // max(_count(node.shapes[node.given[0]]), 1)
    if node.kind == "AVERAGE_POOL_2D":
        return int(node.option("filterWidth") * node.option("filterHeight"))
    if node.kind == "CONV_2D":
        return _count(kernel[1:])
    if node.kind == "TRANSPOSE_CONV":
        return _count(node.shapes[node.taken[1]][1:])
    if node.kind == "DEPTHWISE_CONV_2D":
        return _count(kernel[1:3])
    return kernel[-1] if node.kind == "FULLY_CONNECTED" and kernel else 0


def _count(shape: Sequence[int]) -> int:
    return int(np.prod(shape))


def _notes(nodes: Sequence[Node]) -> Iterator[str]:
    wide = {index: len(shape) for node in nodes for index, shape in node.shapes.items() if len(shape) > gpu.MOST_AXES}
    if wide:
        yield (
            f"{len(wide)} tensors have more than {gpu.MOST_AXES} axes, up to {max(wide.values())}, which GPUs and NPUs "
            "take in few operations or none"
        )
    made = {index: node for node in nodes for index in node.given}
    repeats = [node for node in nodes if node.kind in _REPEATS and _source(made, node) == "RESHAPE"]
    if repeats:
        yield (
            f"{len(repeats)} upsamplings are RESHAPE and {' or '.join(sorted({node.kind for node in repeats}))}, as "
            "UpSampling2D of Keras 3 repeats points; tf.image.resize with the method nearest is one operation"
        )


def _source(made: dict[int, Node], node: Node) -> str:
    source = made.get(node.taken[0])
    return source.kind if source else ""


def _float_arithmetic(path: Path, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Why a file that is called ``int8`` is none: convolutions that compute in floats."""
    kernels = [node for node in nodes if node.kind in KERNELS]
    floats = [node for node in kernels if node.types[node.given[0]] in _FLOATS]
    if not diagnosis.called_int8(path) or not floats:
        return ()
    return (f"{path.name} is called int8, and {len(floats)} of its {len(kernels)} convolutions compute in floats",)
