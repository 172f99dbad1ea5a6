"""The page of the distilled loss network, drawn from the record of its study."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export_pipeline.base.files import write_text
from export_pipeline.models.vgg import STAGES
from tests.benchmarks.compression_page import device, table
from tests.benchmarks.metric_columns import cell, cells, headings, metrics_of

Record = dict[str, Any]
TITLES = {"vgg19": "VGG-19, the original", "distilled": "distilled", "slimmed": "FP-slimmed"}


def cost_table(costs: Record, threads: int) -> Iterator[str]:
    """Size and speed, with how many times less the distilled takes."""
    yield (
        "Both networks up to relu5_1. The container of the original has its values as they are published, 256 a layer; "
        "that of the distilled is the file that comes along, with its embeddings. Times are medians of interleaved "
        "runs from the image to relu5_1, the whole image in one pass. Wang et al. (CVPR 2020) published for their five "
        "stages together: 15.5 times fewer parameters, 12.8 times less storage, 15.4 times fewer operations, 2.6 times "
        "less time on a processor. "
        + "; ".join(f"{sizes['runs']} runs at {side}x{side}" for side, sizes in costs["vgg19"]["sizes"].items())
        + f", on all {threads} processors."
    )
    yield ""
    original, small = costs["vgg19"], costs["distilled"]

    def row(what: str, first: float, second: float, form: str) -> str:
        return f"{what} | {first:{form}} | {second:{form}} | {first / second:.1f}x"

    rows = [
        row(what, original[key], small[key], ",")
        for what, key in (
            ("parameters", "parameters"),
            ("bytes, float32", "float32_bytes"),
            ("bytes, container", "container_bytes"),
        )
    ]
    for side in original["sizes"]:
        first, second = original["sizes"][side], small["sizes"][side]
        where = f"at {side}x{side}"
        giga = [sizes["multiply_accumulates"] / 1e9 for sizes in (first, second)]
        rows.append(row(f"multiply-accumulates {where}, 10⁹", *giga, ",.2f"))
        rows.append(row(f"seconds {where}", first["median_seconds"], second["median_seconds"], ".4f"))
    yield from table(f"up to relu5_1 | {TITLES['vgg19']} | {TITLES['distilled']} | ratio", *rows)


def quality_table(networks: list[Record]) -> Iterator[str]:
    """The distances of reports, mean over the pairs, each against that of the original."""
    base = networks[0]["means"]
    metrics = metrics_of(base)
    rows = []
    for network in networks:
        title = TITLES[network["name"]]
        if "means" not in network:
            rows.append(f"{title} | SKIPPED: {network['reason']} |" + " |" * len(metrics))
            continue
        means = network["means"]
        rows.append(f"{title} | {cells(metrics, means, base)} | {means['seconds']:.1f}")
    yield from table(f"optimized on | {headings(metrics)} | seconds a picture", *rows)


def stage_table(networks: list[Record], kind: str) -> Iterator[str]:
    """The Gram distance at each stage, mean over the pairs."""
    rows = [
        f"{TITLES[network['name']]} | "
        + " | ".join(f"{network['means'][kind][stage]:{'.4g' if kind == 'plain' else '.4f'}}" for stage in STAGES)
        for network in networks
        if "means" in network
    ]
    yield from table(f"optimized on | {' | '.join(STAGES)}", *rows)


def phase_text(phase: Record) -> str:
    """What a phase of a distillation was."""
    more = f" at a learning rate of {phase['learning_rate']:g}" if phase["learning_rate"] else ""
    more += f", {phase['painted']:.0%} of them painted by style networks" if phase["painted"] else ""
    if phase["gram_weight"]:
        more += f", with the errors of Gram matrices at a weight of {phase['gram_weight']:g}"
    crops = f"{phase['batch_size']} crops of {phase['crop']} pixels"
    return f"{phase['steps']:,} steps of {crops}{more}"


def made_table(made: Record) -> Iterator[str]:
    """How near the features are, by the record of the distillation."""
    student, baseline, recipe = made["student"], made["baseline"], made["recipe"]
    yield (
        f"By [recipe.toml](recipe.toml): {', then '.join(map(phase_text, recipe['phases']))}. "
        f"`‖F − Q F′‖² / ‖F‖²` on {made['held_crops']} crops of "
        f"held-out photographs, of the network as it lies in its file, {recipe['bits']} bits a weight; FP-slimmed is "
        "held against the filters that it kept. The log of errors is in [distilled.json](distilled.json)."
    )
    yield ""
    rows = []
    for title, row in (("distilled", student), ("FP-slimmed", baseline)):
        if row:
            errors = " | ".join(f"{error:.4f}" for error in row["errors"])
            counts = f"{row['parameters']:,} | {row['embedding_parameters']:,} | {row['bytes']:,}"
            rows.append(f"{title} | {counts} | {errors}")
    yield from table(f"network | parameters | of embeddings | bytes | {' | '.join(STAGES)}", *rows)


def training_table(found: Record) -> Iterator[str]:
    """What training gains and loses, by the record of ``make lossstudy``."""
    rates = found["images_per_second"]
    yield (
        "Whole training steps on 256x256 crops, in turns: images a second, on all "
        f"{found['machine']['cores']} processors. A batch with an image for each of them is trained in "
        "micro-batches, side by side, with one thread an operation; whole: as if it were not."
    )
    yield ""
    rows = []
    for name, rate in rates.items():
        if "vgg19" in name:
            distilled = name.replace("vgg19", "distilled")
            fast, whole = rates[distilled], rates.get(f"{distilled}, whole")
            cells = f"{rate:.2f} | {fast:.2f} | {fast / rate:.1f}x | {f'{whole:.2f}' if whole else ''}"
            rows.append(f"{name.replace(', vgg19', '')} | {cells}")
    yield from table("network trained | with VGG-19 | with the distilled | ratio | the distilled, whole", *rows)
    trained = found["trained"]
    first = trained["vgg19"][0]
    yield ""
    yield (
        f"`small` at alpha 0.3 trained on the same {first['images']:,} crops with each ({found['style']}), and judged "
        f"by VGG-19 on {first['photographs']} held-out photographs at 640x480. F′: on the features as they are, "
        "without the embedding. Polished: the last tenth of the crops through VGG-19, as the `polish` of a recipe "
        f"does. Means of {len(trained['vgg19'])} seeds, in brackets against VGG-19's, and the value of each seed."
    )
    yield ""

    metrics = metrics_of(first)
    names = [*(metric.name for metric in metrics), "seconds"]
    means = {
        variant: {name: statistics.mean(row[name] for row in seeds) for name in names}
        for variant, seeds in trained.items()
    }
    rows = []
    for variant, seeds in trained.items():
        shown = [
            f"{cell(metric, means[variant][metric.name], means['vgg19'][metric.name])}: "
            + ", ".join(cell(metric, row[metric.name]) for row in seeds)
            for metric in metrics
        ]
        rows.append(f"{variant} | {' | '.join(shown)} | {means[variant]['seconds']:,.0f}")
    yield from table(f"trained with | {headings(metrics)} | seconds, all told", *rows)


def demo_table(found: Record) -> Iterator[str]:
    """The demo before and after, by the record of ``make demostudy``."""
    yield (
        "`make demo` turns the committed network to the project's own painting, prunes 40 % of its weights, exports "
        "and checks all files. Both builds whole, with as many crops as the demo had when they were measured, judged "
        "by VGG-19 on two photographs; fetching VGG-19's weights, which only the former needed, is not counted."
    )
    yield ""
    metrics = metrics_of(found["demos"]["before"])
    rows = [
        f"{name} | {row['loss_network']} | {row['images']:,} | {row['seconds']:.0f} | {cells(metrics, row)}"
        for name, row in found["demos"].items()
    ]
    yield from table(f"demo | loss network | crops seen | seconds, all told | {headings(metrics)}", *rows)


def page(study: Record | None, training: Record | None, demo: Record | None, made: Record) -> str:
    """The whole page, of the records that are there."""
    lines = [
        "# The distilled loss network, measured",
        "",
        "VGG-19 up to relu5_1 with a quarter of its filters, and a linear embedding in VGG-19's features, after "
        "Wang et al., CVPR 2020. It is what styles are trained with; quality is always judged by the original. "
        "It derives from VGG-19's weights (Simonyan and Zisserman, CC BY 4.0). Smaller distances are better.",
        "",
        "## How near it is",
        "",
        *made_table(made),
        "",
        "## Training with it",
        "",
    ]
    if training:
        lines += [*training_table(training), "", f"By `make lossstudy`. *{device(training)}*", ""]
    else:
        lines += ["SKIPPED: not measured yet; `make lossstudy` does.", ""]
    lines += ["## The demo", ""]
    if demo:
        lines += [*demo_table(demo), "", f"By `make demostudy`. *{device(demo)}*", ""]
    else:
        lines += ["SKIPPED: not measured yet; `make demostudy` does.", ""]
    return "\n".join([*lines, *(study_lines(study) if study else ["`make distilledstudy` measures the rest."])]) + "\n"


def study_lines(found: Record) -> list[str]:
    """What ``make distilledstudy`` recorded."""
    networks = found["networks"]
    first = networks[0]["pairs"]
    pairs = ", ".join(f"{pair['photograph']} after {pair['style']}" for pair in first)
    used = " or ".join(sorted({str(pair["processors"]) for pair in first}))
    return [
        "## Size and speed",
        "",
        *cost_table(found["costs"], found["machine"]["cores"]),
        "",
        "## Style transfer by optimization",
        "",
        f"{found['pairs']} photographs at {found['side']}x{found['side']}, each stylized by {found['evaluations']} "
        f"evaluations of L-BFGS on each network, in turns (cores to use: {used}), and judged by the original. "
        "FP-slimmed is as large as the distilled, but was trained without embeddings.",
        "",
        *quality_table(networks),
        "",
        "Gram distance stage by stage, relative, `‖G(y) − G(s)‖ / ‖G(s)‖`:",
        "",
        *stage_table(networks, "relative"),
        "",
        "and as the paper has it, `‖G(y) − G(s)‖₂`, here with `G = FᵀF / (H W C)`:",
        "",
        *stage_table(networks, "plain"),
        "",
        "![photo, painting, and the pictures optimized on each network](study.jpg)",
        "",
        f"The pairs: {pairs}.",
        "",
        f"By `make distilledstudy`. *{device(found)}*",
    ]


def text(folder: Path) -> str:
    """The page of the records in *folder*."""

    def record(name: str) -> Record | None:
        path = folder / name
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    made = record("distilled.json")
    if made is None:
        raise FileNotFoundError(f"there is no {folder / 'distilled.json'}; `export-pipeline distill` writes it")
    return page(record("study.json"), record("training.json"), record("demo.json"), made)


def draw(folder: Path) -> Path:
    """Write ``README.md`` from the records in *folder*."""
    write_text(folder / "README.md", text(folder))
    return folder / "README.md"
