"""A stranger's networks, made with Keras 3 and Keras 2: from the file to a bundle that is verified."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.bundle import Bundle
from tests import strangers
from tests.builds import run

METRIC = """
def shifted(outputs, reference):
    return sum(float(abs(outputs[name] - reference[name]).max()) for name in reference)
"""
# What is added to a recipe with a name, a task and a file.
RECIPES = {
    "mobilenet": """
        pixels = [0, 255]
        [compress]
        bits = 6
        [export]
        targets = ["mlmodel-palettized", "tflite-int8"]
        [verify]
        images = 2
        min_psnr = {"tflite-int8" = 20}
    """,
    "unet": """
        pixels = [0, 255]
        [export]
        height = 32
        width = 40
        targets = ["mlpackage-int8", "tflite-dynamic"]
        [verify]
        images = 2
    """,
    "autoencoder": """
        [export]
        targets = ["mlpackage-fp16", "onnx-fp32"]
        [verify]
        samples = "signals.npz"
        metric = "measure_of_a_test:shifted"
        better = "lower"
        [report.budgets.onnx-fp32]
        shifted = 0.001
        deviation = 0.001
    """,
    "lstm": """
        outputs = ["level"]
        [export]
        length = 6
        targets = ["tflite-fp16", "onnx-fp32"]
        [verify]
        images = 2
    """,
}


def file_of(name: str) -> Path:
    files = {
        "mobilenet": strangers.keras3() / "mobilenet.keras",
        "autoencoder": strangers.keras3() / "autoencoder.h5",
        "unet": strangers.keras2("unet", ""),
        "lstm": strangers.keras2("lstm", ".h5"),
    }
    return files[name]


@pytest.mark.parametrize("name", RECIPES)
def test_a_strangers_network_becomes_a_bundle_that_is_verified(name: str, tmp_path: Path, measured_here: None) -> None:
    lines = [line.strip() for line in RECIPES[name].splitlines()]
    head = [f'name = "{name}"', 'task = "parity"', "[model]", f'file = "{file_of(name)}"']
    (tmp_path / "own.toml").write_text("\n".join([*head, *lines]))
    (tmp_path / "measure_of_a_test.py").write_text(METRIC)
    np.savez(tmp_path / "signals.npz", signal=np.random.default_rng(0).normal(size=(9, 16)))
    done = run("build", tmp_path / "own.toml", "-o", tmp_path / "made", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = report["record"]["parity"]
    assert {row["status"] for row in rows} == {"passed"}
    assert all(row["deviation"] < 0.2 and row["baseline_deviation"] == 1 for row in rows)
    assert ("shifted" in rows[0]) == (name == "autoencoder")
    works = {row["contents"]["multiply_accumulates"] for row in report["record"]["files"]}
    assert works == {report["record"]["float_network"]["multiply_accumulates"]}
    assert report["record"]["provenance"]["network_sha256"]
    bundle = Bundle.open(tmp_path / "made")
    assert bundle.manifest.recipe.task == "parity"
    assert (bundle.path / "checkpoint.safetensors").is_file()
    assert run("verify", tmp_path / "made").returncode == 0
