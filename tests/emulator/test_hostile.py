"""Models that ask for more memory or depth than anybody has: each is refused before anything is allocated."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.mil import ct

MIL = ct.proto.MIL_pb2
HUGE = 2**31 - 1
LIMIT = 1 << 20
Build = Callable[["Program"], None]


class Program:
    """An ML program written operation by operation: coremltools' builder would compute what it is given."""

    def __init__(self) -> None:
        self.spec = ct.proto.Model_pb2.Model()
        self.spec.specificationVersion = 7
        main = self.spec.mlProgram.functions["main"]
        self.spec.mlProgram.version = 1
        main.opset = "CoreML6"
        self.block = main.block_specializations["CoreML6"]
        taken = main.inputs.add()
        taken.name = "x"
        self._type(taken.type, MIL.FLOAT32, [2])
        for feature in (self.spec.description.input.add(), self.spec.description.output.add()):
            feature.type.multiArrayType.shape.append(2)
            feature.type.multiArrayType.dataType = 0x10000 | 32
        self.spec.description.input[0].name, self.spec.description.output[0].name = "x", "y"
        self.operation("relu", "y", [2], x="x")
        self.block.outputs.append("y")

    @staticmethod
    def _type(target: Any, dtype: int, shape: list[int]) -> None:
        target.tensorType.dataType, target.tensorType.rank = dtype, len(shape)
        for size in shape:
            target.tensorType.dimensions.add().constant.size = size

    def operation(self, kind: str, name: str, shape: list[int], dtype: int = MIL.FLOAT32, /, **inputs: str) -> str:
        made = self.block.operations.add(type=kind)
        self._name(made, name)
        for argument, value in inputs.items():
            made.inputs[argument].arguments.add().name = value
        self._type(made.outputs.add(name=name).type, dtype, shape)
        return name

    def const(self, values: Any) -> str:
        array, name = np.asarray(values), f"c{len(self.block.operations)}"
        made = self.block.operations.add(type="const")
        self._name(made, name)
        value, kinds = made.attributes["val"], {"f": MIL.FLOAT32, "i": MIL.INT32, "U": MIL.STRING}
        dtype = kinds[array.dtype.kind]
        self._type(value.type, dtype, list(array.shape))
        held = value.immediateValue.tensor
        field = {MIL.FLOAT32: held.floats, MIL.INT32: held.ints, MIL.STRING: held.strings}[dtype]
        field.values.extend(array.reshape(-1).tolist())
        self._type(made.outputs.add(name=name).type, dtype, list(array.shape))
        return name

    def _name(self, operation: Any, name: str) -> None:
        attribute = operation.attributes["name"]
        self._type(attribute.type, MIL.STRING, [])
        attribute.immediateValue.tensor.strings.values.append(name)


def _fill(p: Program) -> None:
    p.operation("fill", "big", [HUGE, 4], shape=p.const([HUGE, 4]), value=p.const(1.0))


def _tile(p: Program) -> None:
    p.operation("tile", "big", [8 * 2**28], x=p.const(np.ones(8)), reps=p.const([2**28]))


def _many_tiles(p: Program) -> None:
    # Each is within the limit, all of them together are not.
    for index in range(9):
        p.operation("tile", f"big{index}", [2**17], x=p.const(np.ones(8)), reps=p.const([2**14]))


def _range(p: Program) -> None:
    p.operation("range_1d", "big", [HUGE], MIL.INT32, start=p.const(0), end=p.const(HUGE), step=p.const(1))


def _broadcast(p: Program) -> None:
    p.operation("add", "big", [9000, 9000], x=p.const(np.ones((9000, 1))), y=p.const(np.ones((1, 9000))))


def _pad(p: Program) -> None:
    inputs = {"pad": p.const([0, HUGE - 8]), "mode": p.const("constant"), "constant_val": p.const(0.0)}
    p.operation("pad", "big", [HUGE], x=p.const(np.ones(8)), **inputs)


def _one_hot(p: Program) -> None:
    inputs = {
        "one_hot_vector_size": p.const(HUGE),
        "axis": p.const(-1),
        "on_value": p.const(1),
        "off_value": p.const(0),
    }
    p.operation("one_hot", "big", [3, HUGE], MIL.INT32, indices=p.const([1, 2, 3]), **inputs)


@pytest.mark.parametrize("build", [_fill, _tile, _many_tiles, _range, _broadcast, _pad, _one_hot])
def test_constants_of_a_program_are_bounded(build: Build) -> None:
    program = Program()
    assert CoreMLModel.from_spec(program.spec, memory_limit=LIMIT).run({"x": [-1, 1]})["y"].tolist() == [0, 1]
    build(program)
    with pytest.raises(EmulatorError, match=f"{LIMIT} bytes"):
        CoreMLModel.from_spec(program.spec, memory_limit=LIMIT)


def _network(build: Callable[[Any], None]) -> Any:
    from coremltools.models.neural_network import NeuralNetworkBuilder

    builder = NeuralNetworkBuilder(
        [("x", ct.models.datatypes.Array(1, 1, 1, 4, 4))], [("y", None)], disable_rank5_shape_mapping=True
    )
    build(builder)
    return builder.spec


@pytest.mark.parametrize(
    "build",
    [
        lambda b: b.add_fill_static("f", "y", [HUGE, HUGE], 1.0),
        lambda b: b.add_tile("t", "x", "y", [HUGE] * 5),
        lambda b: b.add_range_static("r", "y", end=2e9, start=0, step=1e-3),
        lambda b: b.add_upsample("u", 2**30, 2**30, "x", "y"),
        lambda b: b.add_upsample("u", 2**30, 2**30, "x", "y", "BILINEAR"),
        lambda b: b.add_resize_bilinear("u", "x", "y", HUGE, HUGE),
        lambda b: b.add_random_normal_static("n", "y", [HUGE, HUGE]),
        lambda b: b.add_sequence_repeat("s", HUGE, "x", "y"),
        lambda b: b.add_one_hot("o", ["x"], "y", one_hot_vector_size=HUGE),
        lambda b: b.add_padding("p", HUGE, HUGE, 0, 0, 0.0, "x", "y"),
        lambda b: b.add_constant_pad("p", ["x"], "y", pad_amounts=[0] * 9 + [HUGE]),
        lambda b: b.add_broadcast_to_static("b", "x", "y", [2**10, 1, 2**20, 4, 4]),
    ],
)
def test_layers_of_a_network_are_bounded(build: Callable[[Any], None]) -> None:
    with pytest.raises(EmulatorError, match=f"allowed: {LIMIT} bytes"):
        CoreMLModel.from_spec(_network(build), memory_limit=LIMIT)


def test_a_constant_layer_holds_what_its_shape_says() -> None:
    spec = _network(lambda b: b.add_load_constant_nd("k", "y", np.ones(4), (4,)))
    spec.neuralNetwork.layers[0].loadConstantND.shape[:] = [2**32, 2**32]
    with pytest.raises(EmulatorError, match="4 values where 18446744073709551616 belong"):
        CoreMLModel.from_spec(spec)


def test_an_absent_input_and_a_state_are_bounded() -> None:
    spec = Program().spec
    feature = spec.description.input[0].type
    feature.isOptional = True
    feature.multiArrayType.floatDefaultValue = 1
    feature.multiArrayType.shape[:] = [2**40]
    with pytest.raises(EmulatorError):
        CoreMLModel.from_spec(spec, memory_limit=LIMIT).run({})


def test_only_programs_have_functions() -> None:
    spec = _network(lambda b: b.add_copy("c", "x", "y"))
    with pytest.raises(EmulatorError, match="is a neural network, and only ML programs have functions"):
        CoreMLModel.from_spec(spec, function="main")


def test_networks_nested_too_deep() -> None:
    spec = _network(lambda b: b.add_copy("c", "x", "y"))
    network = spec.neuralNetwork
    for _ in range(70):
        layer = network.layers.add(input=["x"])
        network = layer.branch.ifBranch
    with pytest.raises(EmulatorError, match="more than 64 deep"):
        CoreMLModel.from_spec(spec)


def test_pipelines_nested_too_deep() -> None:
    spec = Program().spec
    for _ in range(40):
        outer = ct.proto.Model_pb2.Model(specificationVersion=7)
        outer.description.CopyFrom(spec.description)
        outer.pipeline.models.add().CopyFrom(spec)
        spec = outer
    with pytest.raises(EmulatorError, match="pipelines more than 16 deep"):
        CoreMLModel.from_spec(spec)


def test_a_state_that_nothing_keeps_is_refused() -> None:
    program = Program()
    state = program.spec.description.state.add(name="s")
    state.type.stateType.arrayType.shape.append(2)
    state.type.stateType.arrayType.dataType = 0x10000 | 32
    with pytest.raises(EmulatorError, match="disagree about its states"):
        CoreMLModel.from_spec(program.spec)
    network = ct.proto.Model_pb2.Model()
    network.CopyFrom(program.spec)
    network.neuralNetwork.layers.add(name="y", input=["x"], output=["y"]).activation.ReLU.SetInParent()
    with pytest.raises(EmulatorError, match="declares the state 's', which only an ML program can have"):
        CoreMLModel.from_spec(network)


@pytest.mark.parametrize("entry", ["a\0b", "\ud800x", "x" * 300])
def test_a_package_that_names_an_impossible_model_file_is_refused(tmp_path: Path, entry: str) -> None:
    package = tmp_path / "a.mlpackage"
    package.mkdir()
    manifest = {"rootModelIdentifier": "m", "itemInfoEntries": {"m": {"path": entry}}}
    (package / "Manifest.json").write_text(json.dumps(manifest), "utf-8")
    # Whether a null character makes a path impossible or only missing depends on the version of Python.
    with pytest.raises(EmulatorError, match=r"model file (that cannot be|.* is missing)") as caught:
        CoreMLModel(package)
    assert str(caught.value).isprintable()


def test_a_blob_of_an_impossible_name_is_refused(tmp_path: Path) -> None:
    program = Program()
    program.const([1.0])
    value = program.block.operations[-1].attributes["val"]
    value.blobFileValue.fileName = f"@model_path/weights/{'x' * 300}"
    with pytest.raises(EmulatorError, match="weight file that cannot be"):
        CoreMLModel.from_spec(program.spec, weights_dir=tmp_path)
