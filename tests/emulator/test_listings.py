"""Models as text: operations, compression in words, blocks, functions, and what Apple says of the Neural Engine."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import describe, listing
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.errors import EmulatorError
from export_pipeline.report.program_text import program_text
from tests.emulator import fuzz
from tests.emulator.mil import ct, mb

W = np.random.default_rng(0).normal(size=(8, 4, 4, 4)).astype(np.float32)
X = (1, 4, 6, 6)


def _conv(save_program: Callable[..., Path], target: str = "iOS18", half: bool = False) -> Path:
    return save_program(lambda x: mb.conv(x=x, weight=W, pad_type="valid", name="y"), [X], half, target)


def _linear(**more: Any) -> Callable[[Any], Any]:
    from coremltools.optimize import coreml as cto

    config = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0, **more)
    return lambda model: cto.linear_quantize_weights(model, cto.OptimizationConfig(config))


def _palette(bits: int, **more: Any) -> Callable[[Any], Any]:
    from coremltools.optimize import coreml as cto

    joint = more.pop("joint_compression", False)
    config = cto.OpPalettizerConfig(mode="uniform", nbits=bits, weight_threshold=0, **more)
    return lambda model: cto.palettize_weights(model, cto.OptimizationConfig(config), joint_compression=joint)


def _pruned(model: Any) -> Any:
    from coremltools.optimize import coreml as cto

    config = cto.OpMagnitudePrunerConfig(target_sparsity=0.5, weight_threshold=0)
    return cto.prune_weights(model, cto.OptimizationConfig(config))


COMPRESSED: dict[str, tuple[str, Callable[[], list[Callable[[Any], Any]]], str]] = {
    "per-channel": ("iOS16", lambda: [_linear()], "int8 per-channel affine"),
    "per-tensor": ("iOS16", lambda: [_linear(granularity="per_tensor")], "int8 per-tensor affine"),
    "palettized": ("iOS16", lambda: [_palette(4)], "4-bit palettized (16 entries)"),
    "pruned": ("iOS16", lambda: [_pruned], "50% sparse"),
    "palettized, new": ("iOS18", lambda: [_palette(2)], "2-bit palettized (4 entries)"),
    "tables": (
        "iOS18",
        lambda: [_palette(3, granularity="per_grouped_channel", group_size=4)],
        "3-bit palettized (8 entries, 2 tables)",
    ),
    "blocks": (
        "iOS18",
        lambda: [_linear(granularity="per_block", block_size=2, dtype="int4")],
        "int4 blockwise affine (blocks of 2)",
    ),
    "joint": (
        "iOS18",
        lambda: [_pruned, _palette(4, joint_compression=True)],
        "50% sparse, 4-bit palettized (16 entries)",
    ),
    "quantized table": (
        "iOS18",
        lambda: [_palette(4), lambda model: _linear(granularity="per_tensor")(model)],
        "4-bit palettized (16 entries",
    ),
}


@pytest.mark.parametrize("kind", COMPRESSED)
def test_compression_in_words(kind: str, save_program: Callable[..., Path]) -> None:
    target, steps, words = COMPRESSED[kind]
    path = _conv(save_program, target)
    with quiet():
        model = ct.models.MLModel(str(path))
        for step in steps():
            model = step(model)
        model.save(str(path))
    found = listing(path)
    (conv,) = (step for step in found.bodies[0].steps if step.kind == "conv")
    assert words in dict(conv.arguments)["weight"]
    assert "<float32 8x4x4x4, " in dict(conv.arguments)["weight"]
    assert found.bytes_by_operation["conv"] == describe(path)["weight_bytes"] > 0
    assert any("for each block" in note for note in found.neural_engine) is (kind == "blocks")


def test_operations_in_their_order(save_program: Callable[..., Path]) -> None:
    (body,) = listing(_conv(save_program, half=True)).bodies
    assert body.name == "function main"
    assert [(value.name, value.type) for value in body.inputs] == [("x", "float32 1x4x6x6")]
    assert [step.kind for step in body.steps] == ["cast", "conv", "cast"]
    assert body.steps[1].outputs[0].type == "float16 1x8x3x3"
    assert list(dict(body.steps[1].arguments))[:4] == ["x", "weight", "strides", "pad_type"]
    assert dict(body.steps[1].arguments)["strides"] == "[1, 1]"
    assert dict(body.steps[1].arguments)["pad_type"] == '"valid"'
    assert body.outputs == (body.steps[2].outputs[0].name,)


def test_blocks_lie_inside_their_operation(save_program: Callable[..., Path]) -> None:
    path = save_program(
        lambda x: mb.while_loop(_cond=lambda v: mb.less(x=mb.reduce_max(x=v, axes=[0]), y=np.float32(9)),
                                _body=lambda v: mb.add(x=v, y=np.float32(1)), loop_vars=(x,)), [(2,)],
    )  # fmt: skip
    found = listing(path)
    (loop,) = found.bodies[0].steps
    assert [block.name for block in loop.blocks] == ["while", "do"]
    assert [step.kind for step in loop.blocks[0].steps] == ["reduce_max", "less"]
    assert found.precision_by_operation["less"] == {"bool": 1}


def test_float32_is_said_to_stay_off_the_neural_engine(save_program: Callable[..., Path]) -> None:
    (note,) = listing(_conv(save_program)).neural_engine
    assert "1 of 1 operations compute in float32 (1 conv)" in note
    assert "Typed Execution" in note
    assert not listing(_conv(save_program, half=True)).neural_engine


@pytest.mark.parametrize("enumerated", [True, False])
def test_a_range_of_sizes_is_noted(enumerated: bool) -> None:
    from export_pipeline.emulator.listings import program
    from export_pipeline.emulator.program import Source

    symbol = ct.converters.mil.mil.get_new_symbol()
    shape = ct.EnumeratedShapes([(1, 4), (1, 8)]) if enumerated else ct.Shape((1, ct.RangeDim(1, 8, default=4)))
    made = mb.program(input_specs=[mb.TensorSpec((1, symbol))], opset_version=ct.target.iOS16)(
        lambda x: mb.reshape(x=mb.relu(x=x), shape=mb.reverse(x=mb.shape(x=x), axes=[0]))
    )
    with quiet():
        model = ct.convert(made, minimum_deployment_target=ct.target.iOS16, inputs=[ct.TensorType("x", shape=shape)])
    found = program.program_listing(Source(model.get_spec(), None))
    assert any("takes a range of sizes" in note for note in found.neural_engine) is not enumerated
    assert any(note.startswith("reshape ") for note in found.neural_engine)
    assert next(step for step in found.bodies[0].steps if step.kind == "relu").outputs[0].type.endswith("1x?")


def test_functions_of_a_program(save_program: Callable[..., Path], tmp_path: Path) -> None:
    described = ct.utils.MultiFunctionDescriptor()
    for name, factor in (("double", 2), ("triple", 3)):
        path = save_program(lambda x, f=factor: mb.mul(x=x, y=np.float32(f)), [(2,)], target="iOS18")
        described.add_function(str(path), src_function_name="main", target_function_name=name)
    described.default_function_name = "triple"
    with quiet():
        ct.utils.save_multifunction(described, str(tmp_path / "both.mlpackage"))
    found = listing(tmp_path / "both.mlpackage")
    assert [body.name for body in found.bodies] == ["function triple", "function double"]
    assert [dict(body.steps[0].arguments)["y"] for body in found.bodies] == ["3", "2"]


def _network(custom: bool = False) -> Any:
    from coremltools.models.neural_network import NeuralNetworkBuilder

    inputs = [("x", ct.models.datatypes.Array(4, 6, 6))]
    builder = NeuralNetworkBuilder(inputs, [("y", None)], disable_rank5_shape_mapping=True)
    builder.add_activation("a", "RELU", "x", "z")
    if custom:
        proto = ct.proto.NeuralNetwork_pb2.CustomLayerParams()
        proto.className = "Sharpen"
        builder.add_custom("c", ["z"], ["y"], proto)
    else:
        kernel = W.transpose(2, 3, 1, 0)
        builder.add_convolution("c", 4, 8, 4, 4, 1, 1, "valid", 1, kernel, None, False, input_name="z", output_name="y")
    return builder.spec


def test_layers_of_a_network(tmp_path: Path) -> None:
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_network().SerializeToString())
    found = listing(path)
    relu, conv = found.bodies[0].steps
    assert relu.arguments == (("", "x"), ("ReLU", "yes"))
    assert conv.outputs[0].type == "float32 8x3x3"
    assert dict(conv.arguments)["weights"] == f"<float32, {W.nbytes:,} bytes>"
    assert found.bytes_by_operation == {"activation": 0, "convolution": W.nbytes}


def test_damaged_models_are_listed_or_refused(tmp_path: Path) -> None:
    rng, sources = random.Random(0), fuzz.seeds(tmp_path)
    listed = 0
    for number in range(150):
        source = rng.choice(sources)
        case = tmp_path / f"case{number}{source.suffix}"
        fuzz.damage(rng, source, case)
        with contextlib.suppress(EmulatorError):
            program_text(listing(case))
            listed += 1
    assert 30 < listed < 150


def test_names_in_a_listing_cannot_steer_a_terminal(tmp_path: Path) -> None:
    spec, path = _network(), tmp_path / "a.mlmodel"
    spec.neuralNetwork.layers[0].output[0] = spec.neuralNetwork.layers[1].input[0] = "\x1b[2Jz\n"
    path.write_bytes(spec.SerializeToString())
    text = program_text(listing(path))
    assert "\x1b" not in text
    assert "\\x1b[2Jz\\n" in text


def test_what_cannot_be_run_can_be_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_network(custom=True).SerializeToString())
    found = listing(path)
    assert found.bodies[0].steps[1].outputs[0].shape is None
    assert "1 custom layers run on the CPU" in found.neural_engine[0]
