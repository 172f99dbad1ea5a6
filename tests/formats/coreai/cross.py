"""Core ML by the emulator beside Core AI by Apple's runtime: ``make crosstable`` writes the table in SUPPORT.md.

Both files are made of one network with random weights and are given the same picture. What each column says stands in
the text of the table.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.images import fit
from export_pipeline.export import export
from export_pipeline.formats import open_model, static
from export_pipeline.formats.coreai import asset
from export_pipeline.formats.coreai.network import described
from export_pipeline.formats.coreai.process import Process
from export_pipeline.formats.values import from_port, to_port
from export_pipeline.models.adain import STATISTICS, style_encoder
from export_pipeline.perception.loss_network import distilled
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, image_to_image, picture, tensor
from export_pipeline.tasks.style_axes import style_axes
from export_pipeline.tasks.style_encoding import encode
from tests.export import material
from tests.formats.coreai.cross_table import COLUMNS, FLOAT32, FORMS, PATH, WEIGHTS, read
from tests.small_models import COMPRESSED

_EXACT = ("palettized", "sparse")  # forms of a compressed network
SIDE = 48
ENCODER, ENCODED_SIDE = "style_encoder", 64  # the least that its pools divide; it has weights of its own
_STEPS = 60  # until running means are those of the picture
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "small": {"network": "small", "alpha": 0.3, "blocks": 1},
    "small, separable, batch norm": {
        "network": "small", "alpha": 0.3, "blocks": 1, "blocks_kind": "separable", "norm": "batch",
    },
    "johnson": {"network": "johnson", "alpha": 0.1, "blocks": 1, "rho": 0.5},
    "subpixel": {"network": "subpixel", "alpha": 0.3, "blocks": 1, "margin": 8},
    "adain_subpixel": {"network": "adain_subpixel", "alpha": 0.3, "blocks": 1, "margin": 8},
    ENCODER: {"network": ENCODER},
    "unet": {"network": "unet", "alpha": 0.2},
    "unet, instance norm": {"network": "unet", "alpha": 0.2, "norm": "instance"},
    "unet, instance norm, separable": {
        "network": "unet", "alpha": 0.2, "norm": "instance", "blocks_kind": "separable",
    },
}  # fmt: skip


def _model(name: str) -> Any:
    if name == ENCODER:
        return style_encoder(distilled().weights, ENCODED_SIDE, style_axes())
    return material.filled(**NETWORKS[name])


def _signature(name: str) -> Signature:
    if name == ENCODER:
        painting = picture("painting", ENCODED_SIDE, ENCODED_SIDE)
        return Signature(inputs=(painting,), outputs=(tensor("style", (1, 1, 1, STATISTICS)),))
    if name == "adain_subpixel":
        image = picture("image", SIDE, SIDE)
        told = tensor("style", (1, 1, 1, STATISTICS)), tensor("strength", (1, 1, 1, 1), 0.0, 1.0)
        return Signature(inputs=(image, *told), outputs=(picture("stylized", SIDE, SIDE),))
    if not name.startswith("unet"):
        return image_to_image(SIDE, SIDE, "image", "stylized")
    mask = tensor("mask", (1, SIDE, SIDE, 1), 0.0, 1.0)
    return Signature(inputs=(picture("image", SIDE, SIDE),), outputs=(mask,))


def differences(name: str, forms: Sequence[str] = FORMS) -> dict[str, float]:
    """The largest differences of an output by column, as shares of what it spans, its largest less its least value.

    Args:
        name: one of ``NETWORKS``.
        forms: the columns of files; fp16 is one of them.
    """
    model, signature = _model(name), _signature(name)
    given = _values(signature)
    arrays = [value[None] for value in given.values()]
    whole = arrays if len(arrays) > 1 else arrays[0]
    _settle(model, whole)
    as_it_is = model(whole, training=False).numpy()
    model.set_weights([values.astype(np.float16).astype(np.float32) for values in model.get_weights()])
    pairs = {WEIGHTS: (as_it_is, model(whole, training=False).numpy())}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        pairs |= _files(model, signature, [form for form in forms if form not in _EXACT], given, folder)
        exact = _in_float32(model, signature, folder / "exact.aimodel")
        pairs[FLOAT32] = _made(folder / "cross-fp16.mlpackage", given, compute="float32"), _made(exact, given)
        if compressed := [form for form in forms if form in _EXACT]:
            _settle(material.compressed(model, 16, 0.6), whole)
            pairs |= _files(model, signature, compressed, given, folder)
    return {column: _share(*pairs[column]) for column in COLUMNS if column in pairs}


def _values(signature: Signature) -> dict[str, np.ndarray]:
    """What goes in, without a batch axis: a picture, the statistics of a style that is another one, and strength 1."""
    if "painting" in {port.name for port in signature.inputs}:
        return {"painting": fit(material.photographs()[0], ENCODED_SIDE, ENCODED_SIDE).astype(np.float32)}
    photo, other = (each[:SIDE, :SIDE] for each in material.photographs()[:2])
    photo = photo.astype(np.float32)
    if "style" not in {port.name for port in signature.inputs}:
        return {signature.inputs[0].name: photo}
    return {"image": photo, "style": encode(other), "strength": np.ones((1, 1, 1), np.float32)}


def beside_the_network(name: str) -> float:
    """The largest difference of a Core AI file of float32 to its float network, of weights in half precision."""
    model, signature = _model(name), _signature(name)
    model.set_weights([values.astype(np.float16).astype(np.float32) for values in model.get_weights()])
    given = _values(signature)
    with tempfile.TemporaryDirectory() as folder:
        made = _made(_in_float32(model, signature, Path(folder) / "exact.aimodel"), given)
    return _share(model([value[None] for value in given.values()], training=False).numpy()[0], made)


def _settle(model: Any, whole: Any) -> None:
    """Give batch norms the statistics of *whole*: with random ones the output of a deep network is one number."""
    if any("BatchNormalization" in type(layer).__name__ for layer in model.layers):
        for _ in range(_STEPS):
            model(whole, training=True)


def _share(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / np.ptp(one))


def _files(
    model: Any, signature: Signature, forms: Sequence[str], given: Mapping[str, np.ndarray], folder: Path
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What the files of *forms*, written to *folder*, give by Core ML and by Core AI."""
    targets = tuple(f"{kind}-{form}" for form in forms for kind in ("mlpackage", "aimodel"))
    tables = {"compress": COMPRESSED, "export": {"height": SIDE, "width": SIDE, "targets": targets}}
    records = export(model, Recipe.parse({"name": "cross", **tables}), signature, folder)
    found = {record.target: _made(folder / record.file, given) for record in records}
    return {form: (found[f"mlpackage-{form}"], found[f"aimodel-{form}"]) for form in forms}


def _made(path: Path, given: Mapping[str, np.ndarray], **options: Any) -> np.ndarray:
    """What the file at *path* makes of *given*, before a picture is rounded to whole numbers."""
    runtime = open_model(path, threads=1, **options)
    (made,) = runtime.outputs
    # As arrays of float32, which images take, too.
    ports = [port.model_copy(update={"dtype": "float32", "kind": "tensor"}) for port in runtime.inputs]
    return from_port(runtime.run({port.name: to_port(given[port.name], port) for port in ports})[made.name], made)


def _in_float32(model: Any, signature: Signature, path: Path) -> Path:
    """A Core AI file of *model* with weights in half precision and arithmetic in float32, which no target is."""
    network, arrays = described(static.at_size(model, signature), signature)
    program = path.with_suffix(".program")
    message = {"do": "write", "network": network, "target": "aimodel-fp16", "compute": "float32", "path": str(program)}
    with Process() as process:
        process.ask(message, arrays)
    asset.write(path, program.read_bytes(), signature, "cross", "")
    return path


def main() -> None:
    """Measure all networks, or some anew, and write what was found and the table."""
    from tests.conformance import support
    from tests.conformance.record import RESULTS

    parser = argparse.ArgumentParser(prog="make crosstable", description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME")
    chosen = parser.parse_args().networks
    rows = {name: row for name, row in read()["networks"].items() if name not in chosen}
    for name in chosen:
        rows[name] = {column: round(value, 6) for column, value in differences(name).items()}
        print(name, rows[name], flush=True)
    found = {"side": SIDE, "networks": {name: rows[name] for name in NETWORKS if name in rows}}
    PATH.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    support.write(RESULTS)


if __name__ == "__main__":
    main()
