"""The model card of a bundle: what the network is, may be used for, was made from and was measured at.

Its front matter is that of the Hugging Face Hub, so that a bundle can be uploaded as it is. It is drawn from the record
alone, and says what is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from export_pipeline.report.model import Record
from export_pipeline.report.tables import TextTable, markdown_table
from export_pipeline.report.words import number
from export_pipeline.targets import target_of

CARD_FILE = "MODEL_CARD.md"
_TAGS = {"mlpackage": "coreml", "mlmodel": "coreml", "tflite": "tflite", "onnx": "onnx", "aimodel": "coreai"}
# Kinds of work as the Hub names them.
_PIPELINE_TAGS = {"style_transfer": "image-to-image", "segmentation": "image-segmentation"}


def card(record: Record) -> str:
    """The card in Markdown."""
    about = record.recipe.about
    title = " ".join(filter(None, [record.name, about.version]))
    parts = [
        _front_matter(record),
        f"# {title}",
        about.description or f"A network for the task {record.recipe.task.replace('_', ' ')}.",
        "\n".join(f"- {line}" for line in _facts(record)),
        "## Files",
        "What each is for, and how near it comes to the float network that it was made from.",
        markdown_table(_files(record)),
        "## Quality",
        *_quality(record),
        "## Training",
        "\n".join(f"- {line}" for line in _training(record)),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(record)),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(record: Record) -> str:
    """YAML; every value is written as JSON, which YAML reads."""
    about, tags = record.recipe.about, dict.fromkeys(_TAGS[row.format] for row in record.files)
    entries: dict[str, object] = {"tags": [*tags, record.recipe.task.replace("_", "-")]}
    if about.license:
        entries = {"license": about.license.lower(), **entries}
    if record.recipe.task in _PIPELINE_TAGS:
        entries["pipeline_tag"] = _PIPELINE_TAGS[record.recipe.task]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items()]
    return "\n".join(["---", *lines, "---"])


def _facts(record: Record) -> Iterator[str]:
    about = record.recipe.about
    yield f"Author: {about.author or 'not given'}"
    yield f"Licence: {about.license or 'not given; without one, nobody else may use the network'}"
    checkpoint = record.provenance.get("checkpoint_sha256", "")[:12]
    yield f"Version: {about.version or f'that of the checkpoint, {checkpoint}'}"
    network = record.float_network
    work = network.multiply_accumulates
    yield f"Parameters: {network.parameters:,}" + (f"; multiply-accumulates a run: {work:,}" if work else "")


def _files(record: Record) -> TextTable:
    parity = {row.target: row for row in record.parity}
    rows = []
    for row in record.files:
        found = parity.get(row.target)
        psnr = number(found.psnr if found else None, 1)
        rows.append((f"`{row.file}`", target_of(row.target).purpose, f"{row.size.bytes:,}", psnr))
    return TextTable("Files", ("file", "for", "bytes", "PSNR dB"), tuple(rows))


def _quality(record: Record) -> Iterator[str]:
    measured = [row for row in record.parity if row.quality == "measured"]
    if not measured:
        reasons = dict.fromkeys(row.quality_reason for row in record.parity if row.quality_reason)
        yield f"Not measured: {'; '.join(reasons) or 'no file was verified'}."
        return
    metrics, first = record.recipe.metrics, measured[0]
    names = {"float network": first.float_metric, record.recipe.baseline: first.baseline_metric}
    names |= {row.target: row.metric for row in measured}
    rows = [(name, *(number(of(m.name), m.digits) for m in metrics)) for name, of in names.items() if name]
    yield f"Means over {first.images} {record.recipe.judged_on}."
    yield markdown_table(TextTable("Quality", ("", *(metric.title for metric in metrics)), tuple(rows)))
    yield "\n".join(f"- {m.title}: {m.meaning}" + (f"; {m.better} is better" if m.has_limits else "") for m in metrics)


def _training(record: Record) -> Iterator[str]:
    recipe = record.recipe
    yield f"Data: {recipe.about.data or 'not described; the recipe in `manifest.json` names the files'}"
    given = recipe.train.model_dump(mode="json", exclude_defaults=True)
    told = f"`{json.dumps(given, ensure_ascii=False)}`" if given else "all as by default"
    yield f"`[train]` of the recipe: {told}"
    yield from (f"{name}: `{value}`" for name, value in record.provenance.items())


def _limits(record: Record) -> Iterator[str]:
    ports = (port for row in record.files for port in row.signature.pictures)
    sizes = sorted({size for port in ports for size in port.allowed_sizes()})
    if sizes:
        yield f"Images of {' and '.join(sizes)} (height x width) only; others must be resized first."
    yield "The files were run and measured on Linux; no phone's result is in this card."
    skipped = [row.target for row in record.budgets if row.status != "passed"]
    if skipped:
        yield f"Checks that did not pass: {', '.join(dict.fromkeys(skipped))}; see `report.md`."
