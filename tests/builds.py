"""Builds of a small recipe through the command line, as a user runs them."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from export_pipeline.cli import main

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "artifacts" / "starry_night_small"

RECIPE = """
name = "tiny"
[model]
alpha = 0.3
margin = 16
[train]
warm_start = "{bundle}/checkpoint.safetensors"
style = "{bundle}/golden/float.png"
vgg_weights = "{vgg}"
hold_out = 2
steps = 8
crop = 48
style_size = 64
batch_size = 1
learning_rate = 1e-5
checkpoint_every = 2
[compress]
schedule = "constant"
final_sparsity = 0.3
end_step = 2
frequency = 1
steps = 6
learning_rate = 1e-5
bits = 5
skip = ["out_conv"]
[compress.layers]
"up*" = 0.6
[compress.cluster]
steps = 4
learning_rate = 1e-5
[export]
height = 64
width = 64
targets = {targets}
calibration_images = 4
[verify]
images = 1
{more}
"""


def recipe(folder: Path, vgg: Path, targets: tuple[str, ...], more: str = "") -> Path:
    """Write a recipe that starts from the committed network and ends within a minute."""
    path = folder / "tiny.toml"
    text = RECIPE.format(bundle=COMMITTED, vgg=vgg, targets=list(targets), more=more)
    path.write_text(text.replace("'", '"'))
    return path


def vgg_arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """VGG-19 with random weights (He et al., 2015), which need no download: kernel and bias by layer name."""
    from export_pipeline.models.vgg import kernel_shapes

    random = np.random.default_rng(19)
    return {
        layer: (
            random.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[:3]))),
            random.standard_normal(shape[3], np.float32) * np.float32(0.1),
        )
        for layer, shape in kernel_shapes().items()
    }


def vgg_weights(path: Path) -> Path:
    """The weights of :func:`vgg_arrays` at *path*, an .npz, for ``train.vgg_weights`` of a recipe."""
    from export_pipeline.perception.vgg_weights import save_npz

    save_npz(vgg_arrays(), path)
    return path


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "export_pipeline", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment, **pipes)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, in this process: a process of its own would load TensorFlow again."""
    command = [str(argument) for argument in arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(command)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())
