"""Compressed weights: what is stored, what it decompresses to, and what the model computes with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel, describe, registry, weights
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.emulator.network_weights import unpack_bits
from tests.emulator import reference as ref
from tests.emulator.mil import ct, mb

W = np.random.default_rng(0).normal(size=(8, 4, 3, 3)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(1, 4, 6, 6)).astype(np.float32)


def _compressed(save_program: Callable[..., Path], kind: str, half: bool = False) -> Path:
    from coremltools.optimize import coreml as cto

    path = save_program(lambda x: mb.conv(x=x, weight=W, pad_type="valid", name="y"), [X.shape], half)
    with quiet():
        model = ct.models.MLModel(str(path))
        if kind.startswith("linear"):
            config: Any = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0)
            model = cto.linear_quantize_weights(model, cto.OptimizationConfig(config))
        elif kind.startswith("lut"):
            config = cto.OpPalettizerConfig(mode="uniform", nbits=int(kind[3:]), weight_threshold=0)
            model = cto.palettize_weights(model, cto.OptimizationConfig(config))
        else:
            config = cto.OpMagnitudePrunerConfig(target_sparsity=0.75, weight_threshold=0)
            model = cto.prune_weights(model, cto.OptimizationConfig(config))
        model.save(str(path))
    return path


@pytest.mark.parametrize(
    ("kind", "stored", "bits"),
    [
        ("linear", "int8-affine", 8),
        ("lut1", "lut-1bit", 1),
        ("lut4", "lut-4bit", 4),
        ("lut6", "lut-6bit", 6),
        ("lut8", "lut-8bit", 8),
        ("sparse", "float32-sparse", 32),
    ],
)
def test_compressed_program(kind: str, stored: str, bits: int, save_program: Callable[..., Path]) -> None:
    path = _compressed(save_program, kind)
    (info,) = weights(path).values()
    assert (info.dtype_stored, info.bits, info.shape) == (stored, bits, W.shape)
    if kind == "sparse":
        assert info.nonzero_fraction == pytest.approx(0.25)
        assert info.nbytes < W.nbytes / 2
    else:
        assert info.nbytes >= W.size * bits // 8
        assert np.unique(info.values).size <= (2**bits if kind != "linear" else W.size)
    if bits >= 8:
        kept = info.values != 0
        assert np.abs(info.values - W)[kept].max() < 0.05
    (found,) = CoreMLModel(path).run({"x": X}).values()
    np.testing.assert_allclose(found, ref.conv2d(X, info.values), atol=1e-4)


def test_a_table_inside_a_mask_is_told_as_both_and_each_part_counts_once(save_program: Callable[..., Path]) -> None:
    from coremltools.optimize import coreml as cto

    path = save_program(lambda x: mb.conv(x=x, weight=W, pad_type="valid", name="y"), [X.shape], target="iOS18")
    with quiet():
        pruner = cto.OptimizationConfig(cto.OpMagnitudePrunerConfig(target_sparsity=0.75, weight_threshold=0))
        palettizer = cto.OptimizationConfig(cto.OpPalettizerConfig(mode="uniform", nbits=3, weight_threshold=0))
        model = cto.prune_weights(ct.models.MLModel(str(path)), pruner)
        cto.palettize_weights(model, palettizer, joint_compression=True).save(str(path))
    (info,) = weights(path).values()
    assert (info.dtype_stored, info.bits, info.shape) == ("lut-3bit-sparse", 3, W.shape)
    mask, indices, table = W.size // 8, W.size // 4 * 3 // 8, 8 * 4
    assert info.nbytes == mask + indices + table
    (found,) = CoreMLModel(path).run({"x": X}).values()
    np.testing.assert_allclose(found, ref.conv2d(X, info.values), atol=1e-4)


def test_half_precision_weights(save_program: Callable[..., Path]) -> None:
    (info,) = weights(_compressed(save_program, "linear", half=True)).values()
    assert info.dtype_stored == "int8-affine"
    assert np.array_equal(info.values, info.values.astype(np.float16).astype(np.float32))


def test_a_shared_weight_is_stored_once(save_program: Callable[..., Path]) -> None:
    def build(x: Any) -> Any:
        weight = mb.const(val=W[:4])
        return mb.conv(x=mb.conv(x=x, weight=weight, pad_type="same"), weight=weight, pad_type="same")

    model = CoreMLModel(save_program(build, [X.shape])).onnx_model
    assert sum(list(tensor.dims) == [4, 4, 3, 3] for tensor in model.graph.initializer) == 1


def test_describe(save_program: Callable[..., Path]) -> None:
    found = describe(_compressed(save_program, "linear", half=True))
    assert found["format"] == "mlProgram"
    assert found["operations"] == {"cast": 2, "conv": 1}
    assert found["precisions"] == {"float16": 2, "float32": 1}
    assert found["parameters"] == W.size
    assert found["multiply_accumulates"] == 8 * 4 * 4 * 4 * 9
    assert found["weights"][0]["shape"] == [8, 4, 3, 3]
    assert found["inputs"] == [
        {"name": "x", "kind": "tensor", "shape": [1, 4, 6, 6], "dtype": "float32", "color": None, "optional": False}
    ]


def test_describe_reads_what_cannot_be_run(save_program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_program(lambda x: mb.conv(x=x, weight=W, pad_type="valid"), [X.shape])
    monkeypatch.delitem(registry.operations(), "conv")
    found = describe(path)
    assert found["parameters"] == W.size
    assert found["multiply_accumulates"] is None
    assert "operations conv" in found["unsupported"]


@pytest.mark.parametrize("bits", range(1, 9))
def test_unpack_bits(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 2**bits, 37)
    text = "".join(f"{value:0{bits}b}" for value in values)
    text += "0" * (-len(text) % 8)
    data = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    np.testing.assert_array_equal(unpack_bits(data, bits)[:37], values)
