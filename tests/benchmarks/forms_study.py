"""Bytes of clustered and pruned kernels in every form of a file: ``python -m tests.benchmarks.forms_study -o RECORD``.

The committed network gets kernels of few values (quantiles of its own) and of zeros (its smallest weights), trained no
further, and is exported to every target that takes them. TFLite's own sparse form, which the project does not make, is
written by TensorFlow's converter (``EXPERIMENTAL_SPARSITY``) beside the same file without it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf

from export_pipeline import train
from export_pipeline.base.files import write_text
from export_pipeline.base.size import size_of
from export_pipeline.errors import ExportError
from export_pipeline.export import export
from export_pipeline.formats.static import at_size, function
from export_pipeline.records.signature import image_to_image
from export_pipeline.report.machine import machine
from tests.export.material import recipe

CHECKPOINT = Path("artifacts/compression/network.safetensors")
SIDE = 256
SIGNATURE = image_to_image(SIDE, SIDE, "image", "stylized")
LINEAR = ("mlmodel-int8", "mlpackage-int8", "tflite-dynamic")
TABLES = ("mlmodel-palettized", "mlpackage-palettized", "mlpackage-joint")


@dataclass(frozen=True)
class Kernels:
    """What becomes of every kernel: at most ``2**bits`` values, a share ``zeros`` of them zero."""

    bits: int | None = None
    zeros: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.zeros:.0%} zero".replace("%", " %")] * (self.zeros > 0)
        parts += [f"{self.bits} bit{'s' * (self.bits > 1)}"] if self.bits else []
        return ", ".join(parts) or "as trained"

    @property
    def targets(self) -> tuple[str, ...]:
        """Those that may hold them in fewer bytes, and the linear ones beside them."""
        sparse = ("mlpackage-sparse", "mlpackage-joint") * (self.zeros > 0)
        return tuple(dict.fromkeys((*(TABLES * (self.bits is not None)), *sparse, *LINEAR)))

    def of(self, kernel: np.ndarray) -> np.ndarray:
        """*kernel* with these values."""
        found = kernel.copy()
        kept = np.abs(found) >= np.quantile(np.abs(found), self.zeros) if self.zeros else np.ones(found.shape, bool)
        if self.bits:
            count = 2**self.bits - (self.zeros > 0)
            levels = np.quantile(found[kept], (np.arange(count) + 0.5) / count)
            levels = levels.astype(np.float16).astype(np.float32)  # as the compress stage leaves them
            found = levels[np.abs(found[..., None] - levels).argmin(-1)]
        found[~kept] = 0
        return found


ALL = (
    Kernels(),
    *(Kernels(bits) for bits in (8, 6, 5, 4, 3, 2, 1)),
    *(Kernels(bits, zeros) for zeros in (0.5, 0.8) for bits in (None, 6, 4)),
)


def sizes(kernels: Kernels, work: Path) -> dict[str, Any]:
    """Bytes by target, or why there are none."""
    trained = train.Checkpoint.open(CHECKPOINT)
    model = train.restored(trained)
    for weight in model.weights:
        if len(weight.shape) == 4:
            weight.assign(kernels.of(weight.numpy()))
    found: dict[str, Any] = {}
    for target in kernels.targets:
        try:
            (record,) = export(model, recipe((target,), SIDE), SIGNATURE, work, (), checkpoint_sha256=trained.sha256)
        except ExportError as error:
            found[target] = {"skipped": str(error)}
            continue
        found[target] = size_of(work / record.file).model_dump()
    if kernels.zeros and kernels.bits is None:
        found |= dict(converted(model, work))
    return found


def converted(model: Any, work: Path) -> Iterator[tuple[str, Any]]:
    """By TensorFlow's converter alone, without and with its sparse form."""
    copy = at_size(model, SIGNATURE)
    for name, half in (("converter, fp16", True), ("converter, 8 bit", False)):
        for suffix, optimizations in (
            ("", [tf.lite.Optimize.DEFAULT]),
            (", sparse form", [tf.lite.Optimize.DEFAULT, tf.lite.Optimize.EXPERIMENTAL_SPARSITY]),
        ):
            holder = tf.Module()
            holder.kept = copy.variables
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function(copy, SIGNATURE)], holder)
            converter.optimizations = optimizations
            if half:
                converter.target_spec.supported_types = [tf.float16]
            path = work / "converted.tflite"
            path.write_bytes(converter.convert())
            yield name + suffix, size_of(path).model_dump()


def main() -> None:
    """Write the record."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.forms_study", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="the record to write, a .json file")
    options = parser.parse_args()
    rows = []
    for kernels in ALL:
        with tempfile.TemporaryDirectory() as work:
            rows.append({"kernels": str(kernels), "sizes": sizes(kernels, Path(work))})
        print(rows[-1], flush=True)
    write_text(
        options.out, json.dumps({"machine": machine().model_dump(), "side": SIDE, "rows": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
