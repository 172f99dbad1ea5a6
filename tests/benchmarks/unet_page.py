"""The page of the study of the U-Net, drawn from its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
# What the published study says of its own network; sizes are times smaller than its file in 32-bit floats.
PUBLISHED = {"loss": 0.17, "tflite-fp16": 2.0, "zeros": 6.0, "tflite-int8": 4.0, "memory": 2.0}
STEADY = 0.2  # share of a median that its interquartile range may have
HEADER = (
    *("network", "file", "bytes", "times smaller", "deflated", "times smaller", "loss", "Dice", "foreground"),
    *("PSNR dB", "ms", "peak MB", "of it the model's", "status"),
)


def text(record: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = record["rows"]
    height, width = record["size"]
    machine = record["machine"]
    lines = [
        "# A U-Net made smaller",
        "",
        "By `make unetstudy`. The network is the U-Net of the recipe `unet_brain`, half a million parameters, trained "
        f"for {record['training']:,} steps on slices of one average brain (MNI152). Each variant starts from it and is "
        f"fine-tuned for {record['steps']} steps where it is changed, with zeros and rounding for as many each. Loss "
        "(focal Tversky, less is better) and Dice are means of "
        f"{record['slices']} held-out slices at {width}x{height}; PSNR is against the float network of the same "
        f"variant. Times are medians of {record['runs']} runs on one thread, all files in turns in one process; memory "
        "is that of a fresh process, as trained and with 80 % zeros. "
        "`times smaller` is against the network as trained, as an ONNX file in 32-bit floats.",
        "",
        *_table(HEADER, (_cells(row, rows) for row in rows)),
        "",
        "## Beside the published numbers",
        "",
        f"A published study of a U-Net of this size has a loss of {PUBLISHED['loss']}, which it calls quasi-identical "
        "throughout, files that are 2 times smaller in half precision, 6 times with 80 % zeros, and 4 times in 8 bits, "
        "and half the memory.",
        "",
        *_table(("", "published", "here"), _beside(rows)),
        "",
        *_words(rows),
        "",
        f"*{machine['processor']}, {machine['cores']} cores, {machine['system']}*",
    ]
    return "\n".join(lines) + "\n"


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    base = _of(rows, "as trained", "onnx-fp32")
    own = row["peak_bytes"] - row["imported_bytes"] if "peak_bytes" in row else None
    return (
        row["variant"],
        row["target"],
        f"{row['bytes']:,}",
        f"{base['bytes'] / row['bytes']:.2f}",
        f"{row['deflated_bytes']:,}",
        f"{base['bytes'] / row['deflated_bytes']:.2f}",
        f"{row['focal_tversky']:.4f}",
        f"{row['dice']:.4f}",
        f"{row['foreground_share']:.4f}",
        _number(row["psnr"], 1),
        _number(row.get("median_ms"), 2),
        _number(row.get("peak_bytes"), 0, 1e6),
        _number(own, 1, 1e6),
        " ".join(filter(None, (row["status"].upper(), row["reason"], row.get("skipped")))),
    )


def _of(rows: Sequence[Row], variant: str, target: str) -> Row:
    return next(row for row in rows if (row["variant"], row["target"]) == (variant, target))


def _beside(rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    base, half = _of(rows, "as trained", "onnx-fp32"), _of(rows, "as trained", "tflite-fp16")
    sparse = _of(rows, "80% zeros", "onnx-fp32")
    full = _of(rows, "80% zeros, quantized in training", "tflite-int8")
    yield "loss as trained", f"{PUBLISHED['loss']}", f"{base['focal_tversky']:.4f}"
    for name, row in (("in half precision", half), ("with 80 % zeros", sparse), ("with 80 % zeros, in 8 bits", full)):
        yield f"loss {name}", "quasi-identical", f"{row['focal_tversky']:.4f}"
    yield "half precision, times smaller", "2", f"{base['bytes'] / half['bytes']:.2f}"
    yield "80 % zeros, times smaller deflated", "6", f"{base['bytes'] / sparse['deflated_bytes']:.2f}"
    masked = _of(rows, "80% zeros", "mlpackage-sparse")
    yield (
        "80 % zeros as masks with half precision, times smaller as it lies",
        "-",
        f"{base['bytes'] / masked['bytes']:.2f}",
    )
    yield "8 bits, times smaller", "4", f"{base['bytes'] / full['bytes']:.2f}"
    yield "80 % zeros in 8 bits, times smaller deflated", "-", f"{base['bytes'] / full['deflated_bytes']:.2f}"
    own = [row["peak_bytes"] - row["imported_bytes"] for row in (half, full) if "peak_bytes" in row]
    if len(own) == len((half, full)):
        yield "memory in 8 bits, of that in half precision (LiteRT)", "0.5", f"{own[1] / own[0]:.2f}"


def _words(rows: Sequence[Row]) -> Iterator[str]:
    """What the numbers say, as far as it follows from them."""
    base, half = _of(rows, "as trained", "onnx-fp32"), _of(rows, "as trained", "tflite-fp16")
    fulls = [row for row in rows if row["target"] == "tflite-int8" and "median_ms" in row]
    slower = [row["variant"] for row in fulls if "median_ms" in half and row["median_ms"] > half["median_ms"]]
    if not fulls:
        yield "- Times: SKIPPED, none was measured."
    elif slower:
        yield f"- In 8 bits the file is slower than in half precision here: {', '.join(slower)}."
    else:
        yield "- In 8 bits every file is faster than in half precision here."
    spread = [row["iqr_ms"] / row["median_ms"] for row in rows if "median_ms" in row]
    if spread and max(spread) > STEADY:
        yield (
            f"- The machine was busy: the interquartile range of a time is up to {max(spread):.0%} of it. Times that "
            "lie near each other say nothing."
        )
    calibrated = _of(rows, "80% zeros", "tflite-int8")
    trained = _of(rows, "80% zeros, quantized in training", "tflite-int8")
    yield (
        f"- With 80 % zeros in 8 bits, calibrated ranges leave a loss of {calibrated['focal_tversky']:.4f} (Dice "
        f"{calibrated['dice']:.4f}, {calibrated['psnr']:.1f} dB), trained ones {trained['focal_tversky']:.4f} "
        f"({trained['dice']:.4f}, {trained['psnr']:.1f} dB), after twice the fine-tuning."
    )
    best = max(rows, key=lambda row: row["dice"])
    yield (
        f"- The best Dice is {best['dice']:.4f}, of {best['variant']}: fine-tuning goes on with the training. As "
        f"trained it is {base['dice']:.4f}."
    )
    failed = [f"{row['variant']}, {row['target']}" for row in rows if row["status"] != "passed"]
    yield f"- Files that failed a check: {'; '.join(failed) or 'none'}."
    yield "- Zeros save bytes once a file is deflated, and no time: no runtime here skips them."


def _number(value: float | None, digits: int, unit: float = 1.0) -> str:
    return "-" if value is None else f"{value / unit:,.{digits}f}"
