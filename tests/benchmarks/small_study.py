"""How small a network can go: in 8, 6, 4 and 3 bits, in widths chosen by layer, half of it zeros, zeros and 4 bits.

``python -m tests.benchmarks.small_study -o FOLDER`` starts every variant at
``artifacts/compression/network.safetensors``, fine-tunes it where it is pruned or its values are trained, exports it,
and judges every file on the validation photographs. A study that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from export_pipeline import coding
from export_pipeline.base.files import write_text
from export_pipeline.base.size import size_of
from export_pipeline.compress.plan import packed_bytes
from export_pipeline.errors import CheckFailed
from export_pipeline.pipeline import Pipeline, opened
from export_pipeline.recipe import Recipe, StyleTransferRecipe, read_toml
from export_pipeline.report.machine import machine

RECIPE = Path("tests/benchmarks/small.toml")


@dataclass(frozen=True)
class Variant:
    """One way to store the network: what ``[compress]`` says, and the files that hold it."""

    name: str
    compress: dict[str, Any]
    targets: tuple[str, ...]


def uniform_bytes(bits: int) -> int:
    """Of all kernels of the committed network with *bits* everywhere, which widths chosen by layer are held against."""
    base = Recipe.load(RECIPE)
    with safe_open(base.path(str(base.train.warm_start)), framework="np") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - not a dict
    return sum(packed_bytes(math.prod(shape), bits) for shape in shapes if len(shape) == 4)


def variants(steps: int) -> tuple[Variant, ...]:
    """The variants, those that train doing so for *steps*."""
    trained = {"steps": steps, "learning_rate": 5e-4}
    pruned = {
        "schedule": "polynomial_decay",
        "final_sparsity": 0.5,
        "end_step": max(1, steps * 2 // 3),
        "steps": steps,
        "learning_rate": 1e-3,
    }
    tables = ("mlmodel-palettized", "mlpackage-palettized")
    return (
        Variant("float", {}, ("onnx-fp32", "mlpackage-fp16", "tflite-fp16")),
        Variant("8-bit linear", {}, ("mlmodel-int8", "mlpackage-int8", "tflite-dynamic")),
        Variant("8-bit", {"bits": 8}, tables),
        Variant("6-bit", {"bits": 6}, tables),
        Variant("4-bit", {"bits": 4}, tables),
        Variant("4-bit's bytes, widths by layer", {"weight_bytes": uniform_bytes(4)}, tables),
        Variant("4-bit, trained", {"bits": 4, "cluster": trained}, tables),
        Variant("3-bit", {"bits": 3}, tables),
        Variant("3-bit's bytes, widths by layer", {"weight_bytes": uniform_bytes(3)}, tables),
        Variant("50 % sparse", pruned, ("mlpackage-sparse", "mlmodel-int8", "tflite-dynamic")),
        Variant("50 % sparse, 4-bit", {**pruned, "bits": 4, "cluster": trained}, (tables[0], "mlpackage-joint")),
    )  # fmt: skip


def recipe_of(variant: Variant) -> Recipe:
    """The recipe that starts from the committed network, with the compression and the files of *variant*."""
    data = read_toml(RECIPE)
    data["export"]["targets"] = list(variant.targets)
    data["compress"] = variant.compress
    return Recipe.parse(data, where=variant.name, folder=RECIPE.parent)


def rows(variant: Variant, pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """One row a file, and one of the weights alone in the compact container, where *variant* has changed them."""
    network = pipeline.compress(pipeline.train())
    exported = pipeline.export(network)
    parity = pipeline.verify(network.compressed.model, exported)
    metrics = [metric.name for metric in StyleTransferRecipe.metrics]
    for model, row in zip(exported, parity, strict=True):
        yield {
            "variant": variant.name,
            "file": model.target,
            **size_of(pipeline.files / model.file).model_dump(),
            "psnr": row.psnr,
            **{name: row.metric(name) for name in metrics},
            "status": row.status,
            "reason": row.reason,
        }
    if not variant.compress and variant.name != "float":
        return
    arrays = {f"{index:03d}": weight.numpy() for index, weight in enumerate(network.compressed.model.weights)}
    yield {
        "variant": variant.name,
        "file": "weights alone, coded",
        **coded_size(arrays),
        **{name: parity[0].float_metric(name) for name in metrics},
        "status": "passed",
    }


def coded_size(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Bytes of *arrays* in the compact container; clustered ones go in as table and indices."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{coding.SUFFIX}"
        few = {name: np.unique(array).size <= 256 and array.size > 256 for name, array in arrays.items()}
        coding.write(path, {name: coding.coded(array) if few[name] else array for name, array in arrays.items()})
        back = coding.read(path)
        if any(back[name].tobytes() != array.tobytes() for name, array in arrays.items()):
            raise CheckFailed(f"{path.name} does not give back the weights that were written")
        return size_of(path).model_dump()


def main() -> None:
    """Write ``small.json`` into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=120, help="of fine-tuning, where a variant trains (default: 120)")
    options = parser.parse_args()
    if not os.environ.get("EXPORT_PIPELINE_DATA"):
        print("SKIPPED: EXPORT_PIPELINE_DATA names no folder of photographs and paintings")
        return
    found = []
    for number, variant in enumerate(variants(options.steps)):
        with opened(recipe_of(variant), options.output / ".small.work" / str(number), say=print) as pipeline:
            for row in rows(variant, pipeline):
                found.append(row)
                print(json.dumps(row), flush=True)
    base = Recipe.load(RECIPE)
    record = {
        "machine": machine().model_dump(),
        "steps": options.steps,
        "photographs": base.verify.images,
        "size": f"{base.export.width}x{base.export.height}",
        "rows": found,
    }
    write_text(options.output / "small.json", json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
