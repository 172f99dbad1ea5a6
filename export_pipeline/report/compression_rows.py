"""The tables of what the compress stage did, and of the kernels as they lie in the files."""

from __future__ import annotations

from collections.abc import Sequence

from export_pipeline.records.compression import Round
from export_pipeline.records.metric import Metric
from export_pipeline.report.kernels import layer_names
from export_pipeline.report.model import Report
from export_pipeline.report.tables import TextTable
from export_pipeline.report.words import number, percent, stored_as


def compression_table(report: Report) -> TextTable:
    """What the compress stage did to each kernel; no rows where it did nothing."""
    layers = report.record.compression.layers if report.record.compression else ()
    touched = any(layer.sparsity or layer.bits is not None for layer in layers)
    header = ("layer", "kernel", "zeros", "bits", "values", "relative error")
    return TextTable(
        "Compression",
        header,
        tuple(
            (
                layer.name,
                "x".join(map(str, layer.shape)),
                percent(layer.sparsity),
                "float" if layer.bits is None else str(layer.bits),
                f"{layer.values:,}",
                "none" if layer.relative_error is None else f"{layer.relative_error:.4f}",
            )
            for layer in layers
            if touched
        ),
    )


def rounds_table(report: Report) -> TextTable:
    """What structured pruning took out, round by round."""
    metrics = report.record.recipe.metrics
    titles = (metric.title for metric in metrics)
    header = ("round", "taken out", "filters", "parameters", *titles, "status", "why")
    rounds = report.record.compression.rounds if report.record.compression else ()
    return TextTable("Structured pruning", header, tuple(_round_row(row, metrics) for row in rounds))


def _round_row(row: Round, metrics: Sequence[Metric]) -> tuple[str, ...]:
    block = [f"block {row.block}"] if row.block is not None else []
    return (
        row.part,
        ", ".join([*block, *(f"{count} {name}" for name, count in row.taken.items())]),
        f"{row.filters:,}",
        f"{row.parameters:,}",
        *(number(row.metric(metric.name), metric.digits + 1) for metric in metrics),
        row.status,
        row.reason,
    )


def ranges_table(report: Report) -> TextTable:
    """The range of what each layer gives, where quantization-aware training found it."""
    ranges = report.record.compression.ranges if report.record.compression else {}
    rows = ((name, f"{low:.5g}", f"{high:.5g}") for name, (low, high) in ranges.items())
    return TextTable("Trained ranges", ("layer", "low", "high"), tuple(rows))


def sparsity_table(report: Report) -> TextTable:
    """Nonzero share of every convolution kernel, by file, in the order in which it computes."""
    network = report.record.float_network
    rows = []
    for file in report.record.files:
        names = layer_names(network, file.contents)
        rows += [
            (
                file.target,
                names.get(w.name, w.name),
                "x".join(map(str, w.shape)),
                stored_as(w.stored),
                percent(w.nonzero_share),
            )
            for w in file.contents.weights
            if w.convolution
        ]
    return TextTable("Convolution kernels", ("target", "layer", "shape", "stored as", "nonzero"), tuple(rows))
