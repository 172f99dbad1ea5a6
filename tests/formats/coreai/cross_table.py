"""The table of ``cross.json`` in SUPPORT.md. It imports nothing heavy: the page is made without Keras."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("cross.json")
# What each row holds, beside a column for each form in which both formats have files.
WEIGHTS, FLOAT32 = "weights in half", "float32"
FORMS = ("fp16", "int8", "palettized", "sparse")
COLUMNS = (WEIGHTS, FLOAT32, *FORMS)
_TEXT = """## Against Apple's own code

Core AI's runtime is Apple's and runs on Linux. Measured by `make crosstable`: each network, with random weights, is
written as a Core ML file, which the emulator runs, and as a Core AI file, which Apple's runtime runs, and both are
given one picture of {side}x{side}; the style encoder has its own weights and one of 64x64. Numbers are the largest
difference, as a share of what the output spans.

- **{weights}**: no file, but the float network against itself with its weights rounded to half precision: how
  much of a rounding arrives at its output.
- **{float32}**: the files of fp16 weights, with arithmetic in float32 on both sides: whether they mean the same.
- **fp16**, **int8**, **palettized**, **sparse**: `mlpackage-` and `aimodel-` files as they are shipped. The last two
  hold one compressed network in two ways of storing it, so that their numbers are the same.

In float32 the two agree within 0.0005, with two exceptions, of which the first column tells. The U-Net with batch
norms: Core ML's conversion folds them into the kernels and rounds the products to half precision; the Core AI file is
within 0.00005 of the float network. The separable U-Net with instance norms: 33 norms one after another grow a rounding
a thousandfold and more, so that float32's own becomes 0.002, and that of the weights alone, in half precision, 0.19 in
the float network itself, as in its TFLite file. It is neither a range (the largest activation is 9.9) nor an operation.
Random weights do that; `verify` fails a trained network that does. In fp16 `adain_subpixel` adds colours to pixels of
0 to 255, which half precision holds in steps of an eighth: two of 255 levels.

In 8 bits one or two of a hundred kernel values lie a step apart: Core ML Tools divides by the scale in half precision,
our Core AI writer in float32.
"""


def read() -> dict[str, Any]:
    """What was found: ``{"side", "networks": {name: {column: share}}}``."""
    found: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
    return found


def lines() -> Iterator[str]:
    """The part of the page."""
    found = read()
    yield _TEXT.format(side=found["side"], weights=WEIGHTS, float32=FLOAT32)
    yield "| network | " + " | ".join(COLUMNS) + " |"
    yield "|" + "---|" * (len(COLUMNS) + 1)
    for name, row in found["networks"].items():
        yield f"| {name} | " + " | ".join(f"{row[column]:.5f}" for column in COLUMNS) + " |"
    yield ""
