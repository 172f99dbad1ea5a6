"""``python -m export_pipeline.universal FOLDER``: what the bundle of the style encoder is built from.

Writes the network, pictures to run it on (built-in photographs and the built-in painting), and the recipe.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.files import write_text
from export_pipeline.base.images import save_image
from export_pipeline.tasks import builtin
from export_pipeline.tasks.arbitrary_style import ENCODED_SIDE, style_encoder
from export_pipeline.tasks.paintings import squared

RECIPE = """\
# The style encoder of `universal`: a painting in, the statistics out that tell its style. An app runs it once for
# each painting.
name = "universal_encoder"
task = "parity"

[model]
file = "style_encoder.keras"
pixels = [0, 255]

# Full integers miss their tolerance: 28.6 of 30 dB.
[export]
targets = ["mlpackage-int8", "mlpackage-fp16", "mlmodel-int8", "tflite-fp16", "tflite-dynamic", "onnx-fp32"]

[verify]
samples = "samples"
hold_out = 3
"""


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(prog="python -m export_pipeline.universal", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they go; made if it is not there")
    folder: Path = parser.parse_args().folder
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for name, image in {**builtin.photographs(), "painting": builtin.style_image()}.items():
        save_image(folder / "samples" / f"{name}.png", squared(image, ENCODED_SIDE))
    style_encoder().save(folder / "style_encoder.keras")
    write_text(folder / "encoder.toml", RECIPE)


if __name__ == "__main__":
    main()
