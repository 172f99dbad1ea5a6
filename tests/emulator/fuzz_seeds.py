"""Small whole models that the fuzzer damages: every form of weights, control flow, states, pipelines, classifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.emulator.coremltools_quietly import quiet
from tests.emulator.kinds.seeds import kinds_with_values
from tests.emulator.mil import ct, mb

types = ct.converters.mil.mil.types
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
MASK = RNG.integers(0, 2, (4, 8)).astype(np.uint8)


def _image(x: Any) -> Any:
    y = mb.instance_norm(x=mb.conv(x=x, weight=WEIGHT, pad_type="same", strides=[2, 2]))
    y = mb.upsample_nearest_neighbor(x=mb.relu(x=y), scale_factor_height=2, scale_factor_width=2)
    return mb.reduce_mean(x=mb.concat(values=[x, y], axis=1), axes=[2, 3])


def _flow(x: Any) -> Any:
    grown = mb.while_loop(
        _cond=lambda v: mb.less(x=mb.reduce_max(x=v, axes=[0, 1]), y=np.float32(10)),
        _body=lambda v: mb.add(x=v, y=np.float32(1)), loop_vars=(x,),
    )  # fmt: skip
    pred = mb.greater(x=mb.reduce_sum(x=grown, axes=[0, 1]), y=np.float32(0))
    chosen = mb.cond(pred=pred, _true_fn=lambda: mb.relu(x=grown), _false_fn=lambda: mb.square(x=grown))
    places = mb.non_zero(x=chosen)
    return mb.topk(x=mb.gather_nd(x=chosen, indices=places), k=2, axis=0)[0]


def _dense(x: Any, *weights: Any) -> Any:
    return mb.concat(values=[mb.linear(x=x, weight=weight) for weight in weights], axis=1)


def _bytes(*shape: int, high: int = 256) -> np.ndarray:
    return RNG.integers(0, high, shape).astype(np.uint8)


def _compressed(x: Any) -> Any:
    """The forms of iOS16."""
    half = RNG.normal(size=(4, 8)).astype(np.float16)
    table, packed = RNG.normal(size=16).astype(np.float32), np.packbits(MASK.reshape(-1), bitorder="little")
    kept = RNG.normal(size=int(MASK.sum())).astype(np.float32)
    return _dense(
        x,
        mb.constexpr_affine_dequantize(
            quantized_data=_bytes(4, 8), zero_point=np.uint8(128), scale=np.float32(0.01), axis=0
        ),
        mb.constexpr_lut_to_dense(indices=_bytes(16), lut=table, shape=np.array([4, 8], np.uint32)),
        mb.constexpr_sparse_to_dense(nonzero_data=kept, mask=packed, shape=np.array([4, 8], np.uint32)),
        mb.constexpr_cast(source_val=half, output_dtype="fp32"),
    )


def _joint(x: Any) -> Any:
    """The forms of iOS18, alone and one inside another, below eight bits too."""
    nibble, mask = types.np_uint4_dtype, MASK.astype(types.np_uint1_dtype)
    count = int(MASK.sum())
    indices = _bytes(4, 8, high=16).astype(nibble)
    table = RNG.normal(size=(1, 1, 16, 1)).astype(np.float32)
    scale = RNG.normal(size=(4, 2)).astype(np.float32)
    sparse_mask, sparse_data = mb.constexpr_lut_to_sparse(
        indices_mask=mask, indices_nonzero_data=_bytes(count, high=16).astype(nibble), lut=table
    )
    shifted_mask, shifted = mb.constexpr_sparse_blockwise_shift_scale(
        data_mask=mask, nonzero_data=_bytes(count).view(np.int8), scale=np.ones((4, 1), np.float32)
    )
    return _dense(
        x,
        mb.constexpr_blockwise_shift_scale(data=_bytes(4, 8, high=16).astype(nibble), scale=scale),
        mb.constexpr_lut_to_dense(indices=indices, lut=table),
        mb.constexpr_sparse_to_dense(nonzero_data=RNG.normal(size=count).astype(np.float32), mask=mask),
        mb.constexpr_sparse_to_dense(nonzero_data=sparse_data, mask=sparse_mask),
        mb.constexpr_sparse_to_dense(nonzero_data=shifted, mask=shifted_mask),
    )


def _state(x: Any, total: Any) -> Any:
    pred = mb.greater(x=mb.reduce_sum(x=x, axes=[0]), y=np.float16(0))
    y = mb.cond(
        pred=pred,
        _true_fn=lambda: mb.coreml_update_state(state=total, value=mb.add(x=mb.read_state(input=total), y=x)),
        _false_fn=lambda: mb.mul(x=x, y=np.float16(2)),
    )
    return mb.add(x=y, y=mb.read_state(input=total))


def _converted(build: Callable[..., Any], specs: list[Any], target: Any, **arguments: Any) -> Any:
    with quiet():
        return ct.convert(
            mb.program(input_specs=specs, opset_version=target)(build), convert_to="mlprogram",
            minimum_deployment_target=target, pass_pipeline=ct.PassPipeline.EMPTY, **arguments,
        )  # fmt: skip


def _programs() -> Iterator[tuple[str, Any]]:
    ios16, ios18 = ct.target.iOS16, ct.target.iOS18
    half = types.fp16
    yield "image", _converted(_image, [mb.TensorSpec((1, 3, 8, 8))], ios16)
    yield "flow", _converted(_flow, [mb.TensorSpec((2, 3))], ios16)
    yield "compressed", _converted(_compressed, [mb.TensorSpec((1, 8))], ios16)
    yield "joint", _converted(_joint, [mb.TensorSpec((1, 8))], ios18)
    yield "state", _converted(_state, [mb.TensorSpec((2,), half), mb.StateTensorSpec((2,), half)], ios18)
    labels = ct.ClassifierConfig(["cat", "dog", "fox"])
    yield "classifier", _converted(lambda x: mb.softmax(x=x), [mb.TensorSpec((1, 3))], ios16, classifier_config=labels)


def _builder(shape: tuple[int, ...], mode: str | None = None) -> Any:
    builder = ct.models.neural_network.NeuralNetworkBuilder
    return builder([("x", ct.models.datatypes.Array(*shape))], [("y", None)], mode, disable_rank5_shape_mapping=True)


def _network() -> Any:
    builder = _builder((3, 8, 8))
    builder.add_expand_dims("e", "x", "e", [0])
    builder.add_convolution(
        "c",
        3,
        4,
        3,
        3,
        1,
        1,
        "same",
        1,
        np.ones((3, 3, 3, 4), np.float32),
        None,
        False,
        input_name="e",
        output_name="c",
    )
    builder.add_pooling("p", 2, 2, 2, 2, "MAX", "VALID", "c", "p")
    builder.add_softmax_nd("s", "p", "y", 1)
    return builder.spec


def _quantized() -> Any:
    """Weights of one to eight bits, by a line and by a table; a sequence; a loop."""
    builder = _builder((2, 1, 8))
    for bits, kind in ((8, "linear"), (4, "lut"), (1, "linear")):
        more: dict[str, Any] = {"quant_lut": RNG.normal(size=16)} if kind == "lut" else {}
        if kind == "linear":
            more = {"quant_scale": RNG.normal(size=4), "quant_bias": RNG.normal(size=4)}
        raw = _bytes(4 * 8 * bits // 8).tobytes()
        builder.add_inner_product(
            f"i{bits}", raw, None, 8, 4, False, "x", f"i{bits}", is_quantized_weight=True, quantization_type=kind,
            nbits=bits, **more,
        )  # fmt: skip
    builder.add_concat_nd("c", ["i8", "i4", "i1"], "c", 2)
    weights = [RNG.normal(size=(4, 12)) for _ in range(4)]
    builder.add_unilstm("l", [RNG.normal(size=(4, 4)) for _ in range(4)], weights, None, 4, 12, ["c"], ["h"])
    loop = builder.add_loop("o", max_iterations=3)
    inside = ct.models.neural_network.NeuralNetworkBuilder(nn_spec=loop.loop.bodyNetwork)
    inside.add_activation("t", "TANH", "h", "h2")
    inside.add_copy("b", "h2", "h")
    builder.add_copy("y", "h", "y")
    return builder.spec


def _pipeline() -> Any:
    first = ct.models.neural_network.NeuralNetworkBuilder(
        [("x", ct.models.datatypes.Array(3))], [("z", ct.models.datatypes.Array(3))]
    )
    first.add_activation("double", "LINEAR", "x", "z", [2, 0])
    last = ct.models.neural_network.NeuralNetworkBuilder(
        [("z", ct.models.datatypes.Array(3))], [("y", ct.models.datatypes.Array(3))], mode="classifier"
    )
    last.add_softmax("s", "z", "y")
    last.set_class_labels(["cat", "dog", "fox"], prediction_blob="y")
    spec = ct.proto.Model_pb2.Model(specificationVersion=4)
    spec.description.CopyFrom(last.spec.description)
    spec.description.input[0].name = "x"
    spec.pipelineClassifier.pipeline.models.extend([first.spec, last.spec])
    return spec


def seeds(folder: Path) -> list[Path]:
    """All of them, written to *folder*."""
    paths = []
    for name, model in _programs():
        paths.append(folder / f"{name}.mlpackage")
        model.save(str(paths[-1]))
    kinds = ((f"kind{number}", spec) for number, (spec, _) in enumerate(kinds_with_values()))
    for name, spec in (("network", _network()), ("quantized", _quantized()), ("pipeline", _pipeline()), *kinds):
        paths.append(folder / f"{name}.mlmodel")
        paths[-1].write_bytes(spec.SerializeToString())
    return paths
