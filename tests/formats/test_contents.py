from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.errors import PipelineError
from export_pipeline.report import Inspection, contents_of, inspect, inspection_text, size_of
from export_pipeline.targets import TARGETS
from tests.small_models import HEIGHT, WIDTH, exported

# Of the tiny network: filters 3, 3, 3 and no residual block.
KERNELS = {"9x9": 2 * 9 * 9 * 3 * 3, "3x3": 4 * 3 * 3 * 3 * 3}
WORK = 9 * (HEIGHT * WIDTH * (81 + 81 + 9) + HEIGHT * WIDTH // 4 * (9 + 9) + HEIGHT * WIDTH // 16 * 9)
BITS = {"int8": 8, "dynamic": 8, "fp16": 16, "fp32": 32, "palettized": 2, "sparse": 16, "joint": 2}
CONVOLUTIONS = ("conv", "conv2d", "convolution", "CONV_2D", "Conv", "Conv2D")


@pytest.mark.parametrize("target", TARGETS)
def test_every_format_tells_the_same_network(target: str) -> None:
    contents = contents_of(exported().path(target))
    kernels = [weight for weight in contents.weights if weight.convolution]
    assert sum(kernel.parameters for kernel in kernels) == sum(KERNELS.values())
    assert contents.multiply_accumulates == WORK
    assert sum(contents.operations.get(name, 0) for name in CONVOLUTIONS) == 6
    assert sum(contents.precisions.values()) == sum(contents.operations.values())
    assert {kernel.bits for kernel in kernels} == {BITS[target.split("-")[1]]}
    assert contents.parameters == sum(weight.parameters for weight in contents.weights)


def test_the_keras_file_tells_the_network_itself() -> None:
    contents = contents_of(exported().float_model, HEIGHT, WIDTH)
    assert contents.multiply_accumulates == WORK
    assert contents.parameters == exported().network.count_params()
    assert contents.operations["Conv2D"] == 6
    assert contents_of(exported().float_model).multiply_accumulates is None


@pytest.mark.parametrize("target", TARGETS)
def test_sparsity_is_read_back_from_the_file(target: str) -> None:
    """Half of each kernel is zero. Rounding to 8 bits adds zeros and must take none away."""
    network = exported().network
    zeros = [array for array in network.get_weights() if array.ndim == 4]
    share = sum(map(np.count_nonzero, zeros)) / sum(array.size for array in zeros)
    contents = contents_of(exported().path(target))
    assert contents.nonzero_share is not None
    assert share - 0.02 <= contents.nonzero_share <= share + 1e-6
    assert all(kernel.nonzero_share < 0.52 for kernel in contents.weights if kernel.convolution)


@pytest.mark.parametrize("target", TARGETS)
def test_inspect_tells_what_a_file_takes_gives_and_holds(target: str) -> None:
    path = exported().path(target)
    seen = inspect(path)
    assert seen.file == path.name
    (record,) = (model for model in exported().models if model.target == target)
    assert seen.signature == record.signature
    assert [port.name for port in (*seen.inputs, *seen.outputs)] == ["image", "stylized"]
    assert seen.size == size_of(path)
    assert Inspection.model_validate_json(seen.model_dump_json()) == seen
    text = inspection_text(seen)
    assert f"{seen.size.bytes:,} bytes" in text
    assert f"multiply-accumulates {WORK:,}" in text
    assert all(weight.name in text for weight in seen.contents.weights)


@pytest.mark.parametrize("target", ["mlpackage-palettized", "mlmodel-palettized", "mlpackage-joint"])
def test_inspect_says_in_words_how_few_bits_and_how_many_zeros(target: str) -> None:
    lines = inspection_text(inspect(exported().path(target)), brief=True).splitlines()
    kernels = [line for line in lines if "3x3x9x9" in line]
    assert len(kernels) == 2
    assert all("2-bit palettized" in line and "50." in line for line in kernels)


@pytest.mark.parametrize("target", ["mlpackage-int8", "mlmodel-int8", "tflite-fp16", "onnx-fp32"])
def test_a_truncated_file_is_no_file_to_inspect(tmp_path: Path, target: str) -> None:
    source = exported().path(target)
    path = tmp_path / f"cut{source.suffix}"
    if source.is_dir():
        shutil.copytree(source, path)
        victim = next(path.rglob("*.mlmodel"))
    else:
        victim = Path(shutil.copy(source, path))
    victim.write_bytes(victim.read_bytes()[:300])
    for reader in (inspect, contents_of):
        with pytest.raises(PipelineError, match="cut") as caught:
            reader(path)
        assert caught.value.exit_code == 2


def test_size_counts_every_file_and_does_not_know_the_clock(tmp_path: Path) -> None:
    folder = tmp_path / "a.mlpackage"
    (folder / "inner").mkdir(parents=True)
    (folder / "one").write_bytes(bytes(1000))
    (folder / "inner" / "two").write_bytes(bytes(24))
    first = size_of(folder)
    assert first.bytes == 1024
    assert first.deflated_bytes < 500
    os.utime(folder / "one", (10**9, 10**9))
    assert size_of(folder) == first
    assert size_of(folder / "inner" / "two").bytes == 24
