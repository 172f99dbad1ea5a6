"""The texts of the page of compression, drawn from the records of its studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.metric_columns import cell, cells, headings, metrics_of

Record = dict[str, Any]


def table(heading: str, *rows: str) -> Iterator[str]:
    """Markdown: cells are separated by ``|`` already."""
    yield f"| {heading} |"
    yield "|" + " --- |" * (heading.count("|") + 1)
    for row in rows:
        yield f"| {row} |"


def small(found: Record) -> Iterator[str]:
    """How small the committed network can go."""
    yield (
        f"Variants that train do so for {found['steps']} steps a stage. Distances of each file are means of "
        f"{found['photographs']} photographs at {found['size']}; export PSNR is against the network as compressed, "
        "so it tells what the file loses, not what compression does. Widths by layer are chosen for as many "
        "bytes as one width takes everywhere; where nothing else errs less, they are that width."
    )
    yield ""
    metrics = metrics_of(found["rows"][0])
    rows = [
        f"{row['variant']} | {row['file']} | {row['bytes']:,} | {row['deflated_bytes']:,} | "
        f"{_number(row.get('psnr'), 1)} | {cells(metrics, row)} | "
        f"{row.get('status', '-').upper()} {row.get('reason', '')}".rstrip()
        for row in found["rows"]
    ]
    yield from table(f"variant | file | bytes | deflated | export PSNR dB | {headings(metrics)} | status", *rows)


def vgg(found: Record) -> Iterator[str]:
    """What a clustered loss network costs."""
    size = f"{found['side']}x{found['side']}"
    pairs = ", ".join(f"{pair['photograph']} after {pair['style']}" for pair in found["widths"][0]["pairs"])
    yield (
        f"Stylization by {found['evaluations']} evaluations of L-BFGS at {size}, judged by the original: means "
        f"of {pairs}, and in brackets how far they are from those with the float network. The published weights are "
        "tables of 256 values a layer already, so 8 bits lose nothing."
    )
    yield ""
    base = found["widths"][0]
    metrics = metrics_of(base)
    rows = [
        f"{row['bits']} | {row['bytes']:,} | {_number(row.get('deflated_bytes'), 0)} | "
        f"{_number(row.get('relative_squared_error'), 6)} | {cells(metrics, row, base)}"
        for row in found["widths"]
    ]
    yield from table(f"bits | bytes | deflated | relative squared error | {headings(metrics)}", *rows)
    yield ""
    yield "![the same photograph by the float network and by 8 to 1 bits](vgg.jpg)"


def load(found: Record) -> Iterator[str]:
    """How fast the container loads."""
    apart = found["slowest_over_fastest"]
    yield f"{found['what']}; {found['runs']} interleaved runs. Slowest over fastest: {apart:.2f}."
    yield ""
    rows = [f"{row['bits']} | {row['bytes']:,} | {row['median_ms']:.0f}" for row in found["widths"]]
    yield from table("bits | bytes | median ms", *rows)


def clustering(found: Record) -> Iterator[str]:
    """k-means against the exact optimum."""
    rows = [
        f"{row['values']:,} | {row['bits']} | "
        + (
            f"{row['above_optimum']:.1e} | {row['cpu_seconds']:.2f} | {row['kmeans1d']['cpu_seconds']:.2f}"
            if isinstance(row["kmeans1d"], dict)
            else f"{row['kmeans1d']} | - | -"
        )
        for row in found["against_kmeans1d_continuous"]
    ]
    yield from table("values | bits | above the optimum | seconds | kmeans1d, seconds", *rows)
    yield ""
    yield f"All 16 convolutions of VGG-19, {found['values']:,} weights, processor seconds on one core:"
    yield ""
    rows = [
        f"{row['values']} | {row['bits']} | {row['cpu_seconds']:.1f} | {row['most_proven_above_optimum']:.1e}"
        for row in found["totals"]
    ]
    yield from table("values | bits | seconds | proven above the optimum, at most", *rows)


def sensitivity(found: Record) -> Iterator[str]:
    """k-means in which each weight counts by its importance, and in which all count the same."""
    side = found["side"]
    yield (
        f"The mean squared error of the pictures, 0..255, of {found['photographs']} held-out photographs at "
        f"{side}x{side}, against those of the network before; every kernel of it is clustered to one width, and the "
        "error of a weight counts as `compress.cluster.sensitivity` says. Tables are not trained."
    )
    yield ""
    widths = list(found["rows"][0]["errors"])
    rows = [
        f"{row['sensitivity']} | " + " | ".join(f"{row['errors'][width]:.4g}" for width in widths)
        for row in found["rows"]
    ]
    yield from table(f"sensitivity | {' | '.join(f'{width} bits' for width in widths)}", *rows)


def narrow(found: Record) -> Iterator[str]:
    """Structured pruning beside training from scratch."""
    yield "`small` at alpha 0.5, trained on 128-pixel crops, judged at 256x256; both narrow networks saw equal steps."
    yield ""
    metrics = metrics_of(found["rows"][0])
    rows = [
        f"{row['network']} | {row['parameters']:,} | {row['steps']} | {cells(metrics, row)}" for row in found["rows"]
    ]
    yield from table(f"network | parameters | steps | {headings(metrics)}", *rows)


def bits(found: Record) -> Iterator[str]:
    """The committed network at 8 to 1 bits."""
    yield f"Every kernel in 2^bits values, nothing trained. {_of_sweep(found, 'bits')}"
    yield ""
    yield from _points(found, "bits", "compress.bits", "d")
    yield ""
    yield "![one photograph by the float network and at 8 to 1 bits](bits/sheet.jpg)"


def sparse(found: Record) -> Iterator[str]:
    """The committed network at rising sparsity."""
    compress = found["recipe"]["compress"]
    schedule = compress["schedule"].replace("_", " ")
    yield (
        f"Single weights, the smallest of each kernel, set to zero on a {schedule} schedule until step "
        f"{compress['end_step']} of {compress['steps']} steps of fine-tuning. {_of_sweep(found, 'sparsity')}"
    )
    yield ""
    yield from _points(found, "zeros", "compress.final_sparsity", ".0%")
    yield ""
    yield "![one photograph by the float network and with 80 to 10 % zeros](sparsity/sheet.jpg)"


def forms(found: Record) -> Iterator[str]:
    """Bytes in every form of a file."""
    yield (
        "The committed network with kernels of few values (quantiles of its own) and of zeros (its smallest weights), "
        f"nothing trained, at {found['side']}x{found['side']}: bytes of the file as it lies, in brackets deflated. "
        "A dash: the target has no form for such kernels."
    )
    yield ""
    targets = [target for target in _targets(found) if not target.startswith("converter")]
    yield from table(f"kernels | {' | '.join(targets)}", *_sizes(found, targets))
    yield ""
    yield (
        "By TensorFlow's converter alone, which has a sparse form for TFLite (`EXPERIMENTAL_SPARSITY`), and by ours. "
        "Its 8 bits leave kernels of less than 1,024 values in float32."
    )
    yield ""
    converted = [target for target in _targets(found) if target.startswith("converter")]
    rows = [row for row in found["rows"] if converted[0] in row["sizes"]]
    converted = [*converted, "tflite-dynamic"]
    yield from table(f"kernels | {' | '.join(converted)}", *_sizes({"rows": rows}, converted))


def _targets(found: Record) -> list[str]:
    return list(dict.fromkeys(target for row in found["rows"] for target in row["sizes"]))


def _sizes(found: Record, targets: list[str]) -> Iterator[str]:
    for row in found["rows"]:
        sizes = [row["sizes"].get(target) for target in targets]
        yield f"{row['kernels']} | {' | '.join(map(_size, sizes))}"


def _size(size: Record | None) -> str:
    if size is None:
        return "-"
    return f"SKIPPED {size['skipped']}" if "skipped" in size else f"{size['bytes']:,} ({size['deflated_bytes']:,})"


def _of_sweep(found: Record, folder: str) -> str:
    """What its distances are of, and where the whole sweep lies."""
    start = next(point["result"]["float_network"] for point in found["points"] if point["result"]["files"])
    recipe = found["recipe"]
    distances = ", ".join(f"{metric.title} {cell(metric, start[metric.name])}" for metric in metrics_of(start))
    return (
        f"Distances are means of {recipe['verify']['images']} photographs at {recipe['export']['width']}x"
        f"{recipe['export']['height']}, PSNR is against the float network as trained, whose distances are: "
        f"{distances}. [The whole sweep]({folder}/sweep.md)."
    )


def _points(found: Record, heading: str, setting: str, form: str) -> Iterator[str]:
    """A row for each file of each point of a sweep over *setting*."""
    rows = []
    metrics = metrics_of(next((file for point in found["points"] for file in point["result"]["files"]), {}))
    for point in found["points"]:
        value, result = format(point["overrides"][setting], form), point["result"]
        if not result["files"]:
            dashes = " | ".join("-" * (4 + len(metrics)))
            rows += [f"{value} | {dashes} | {result['status'].upper()} {result['reason']}"]
        rows += [
            f"{value} | {file['target']} | {file['size']['bytes']:,} | {file['size']['deflated_bytes']:,} | "
            f"{_number(file['psnr'], 1)} | {cells(metrics, file)} | "
            f"{file['status'].upper()} {'; '.join(file['reasons'])}".rstrip()
            for file in result["files"]
        ]
    yield from table(f"{heading} | file | bytes | deflated | PSNR dB | {headings(metrics)} | status", *rows)


def linked(page: str) -> Callable[[Record], Iterator[str]]:
    """The text of a study that draws a page of its own."""

    def text(_: Record) -> Iterator[str]:
        yield f"[{page}]({page})"

    return text


def device(found: Record) -> str:
    """Processor and versions, from whichever form the record has them in."""
    about = found.get("machine") or found.get("device") or found
    versions = about.get("libraries") or about.get("versions") or found.get("libraries", {})
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{about['processor']}; {listed}" if "processor" in about else listed


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
