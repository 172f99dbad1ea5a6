"""``quantize`` on checkpoints, whose tensors get the names of variables; other files are tested in tests/coding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from export_pipeline import coding
from export_pipeline.cli import main
from tests.builds import COMMITTED

CHECKPOINT = COMMITTED / "checkpoint.safetensors"
KERNEL = np.random.default_rng(0).standard_normal((3, 3, 8, 16)).astype(np.float32)


def test_a_checkpoint_is_listed_by_the_variables_of_its_network(tmp_path: Path) -> None:
    from export_pipeline.train import Checkpoint, restored

    out = tmp_path / "net.weights"
    assert main(["quantize", str(CHECKPOINT), "--bits", "8", "-o", str(out)]) == 0
    found, model = coding.read(out), restored(Checkpoint.open(CHECKPOINT))
    assert list(found) == [weight.name.split(":")[0] for weight in model.weights]
    assert np.array_equal(found["out_norm/gamma"], model.get_layer("out_norm").gamma.numpy())
    kernel = model.get_layer("block1_a_conv").kernel.numpy()
    assert np.abs(found["block1_a_conv/kernel"] - kernel).max() < 0.05 * np.abs(kernel).max()


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_a_training_remembers_is_left_out(wrapped: bool, tmp_path: Path) -> None:
    from export_pipeline.train import Checkpoint, restored
    from export_pipeline.train.checkpoint import save

    checkpoint = Checkpoint.open(CHECKPOINT)
    weights = restored(checkpoint).weights
    save(tmp_path / "t.safetensors", checkpoint.info, weights + weights[:1] * wrapped, optimizer=weights)
    out = tmp_path / "net.weights"
    assert main(["quantize", str(tmp_path / "t.safetensors"), "--bits", "8", "-o", str(out)]) == 0
    found = coding.read(out)
    assert len(found) == len(weights) + wrapped
    assert ("down0_conv/kernel" in found) != wrapped
    assert not [name for name in found if name.startswith("optimizer")]


def test_tensors_of_others_keep_their_names(tmp_path: Path) -> None:
    save_file({"model.0000": KERNEL, "optimizer.0000": KERNEL}, tmp_path / "theirs.safetensors")
    out = tmp_path / "net.weights"
    assert main(["quantize", str(tmp_path / "theirs.safetensors"), "--bits", "4", "-o", str(out)]) == 0
    assert set(coding.read(out)) == {"model.0000", "optimizer.0000"}
