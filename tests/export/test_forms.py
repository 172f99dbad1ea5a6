"""Pruned and clustered kernels: what lies in the file is what the network has, bit for bit, in the smallest form."""

from __future__ import annotations

import importlib
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_pipeline.compress import Compressed, compress
from export_pipeline.compress.fold import folded_scales
from export_pipeline.emulator import weights
from export_pipeline.errors import ExportError
from export_pipeline.formats import open_model
from export_pipeline.formats.format import Kernel
from export_pipeline.formats.forms import DENSE, Form, form_of, halves, table
from export_pipeline.recipe import Recipe
from export_pipeline.targets import TARGETS
from tests.compress import material as compressing
from tests.export import material
from tests.small_models import few_values

# Of Core ML, whose files are read here by another reader than the export's own.
EXACT = tuple(name for name, target in TARGETS.items() if target.exact and target.format != "aimodel")
SIDE = 16


@pytest.fixture(scope="module", autouse=True)
def raised_recursion_limit() -> None:
    """Core ML Tools raises it when its TensorFlow frontend is imported; hypothesis notes that in a test."""
    importlib.import_module("coremltools.converters.mil.frontend.tensorflow.tf_graph_pass")


def random_kernel(count: int, zeros: float, shape: tuple[int, ...] = (3, 3, 16, 16)) -> np.ndarray:
    return few_values(np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32), count, zeros)


def network(counts: list[int], zeros: float) -> Any:
    """A network of six convolutions whose kernels have as many values each as *counts* says, in turn."""
    model = material.filled("small", alpha=0.3, blocks=0)
    kernels = [weight for weight in model.weights if "kernel" in weight.name]
    for index, kernel in enumerate(kernels):
        kernel.assign(few_values(kernel.numpy(), counts[index % len(counts)], zeros))
    return model


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.sampled_from([2, 3, 4, 7, 8, 13, 16, 30, 64, 100, 200]), min_size=1, max_size=6),
    zeros=st.sampled_from([0.25, 0.5, 0.6, 0.9]),
)
def test_the_file_has_the_zeros_and_the_tables_of_the_network(tmp_path: Path, counts: list[int], zeros: float) -> None:
    model = network(counts, zeros)
    wanted = {name: halves(kernel) for name, kernel in compressing.kernels(model).items()}
    for record in material.exported(model, material.recipe(EXACT, SIDE), tmp_path, ()):
        held = held_by(tmp_path / record.file)
        assert_same_bits([info.values.astype(np.float16) for info in held], wanted)
        for info in held:
            if info.dtype_stored.startswith("lut"):
                assert np.unique(info.values).size - info.dtype_stored.endswith("sparse") <= 2**info.bits
            if info.dtype_stored.endswith("sparse"):
                assert info.nbytes < info.values.size * 2 * (0.0625 + info.nonzero_fraction) + 1024


def compressed(network: dict[str, Any], bits: int | None, zeros: float | None) -> Compressed:
    """A network that has been through the compress stage: its masks and its tables were trained for some steps."""
    table: dict[str, Any] = {}
    targets: list[str] = []
    if zeros is not None:
        table |= {"schedule": "constant", "final_sparsity": zeros, "end_step": 2, "frequency": 1, "steps": 3}
        targets += ["mlpackage-sparse"]
    if bits is not None:
        table |= {"bits": bits, "cluster": {"sensitivity": "fisher", "steps": 2, "learning_rate": 1e-3}}
        targets += ["mlmodel-palettized", "mlpackage-palettized"]
    if zeros is not None and bits is not None:
        targets += ["mlpackage-joint"]
    export_table = {"height": SIDE, "width": SIDE, "targets": targets}
    recipe, tools = Recipe.parse({"compress": table, "export": export_table}), compressing.tools()
    return compress(material.filled(**network), recipe, tools)


SMALL = {"network": "small", "alpha": 0.3, "blocks": 0}
DEEP = {"alpha": 0.25, "blocks": 1}


@pytest.mark.parametrize(
    ("network", "bits", "zeros"),
    [
        (SMALL, None, 0.5),
        (SMALL, 3, None),
        (SMALL, 4, 0.6),
        ({"network": "johnson", **DEEP}, 3, 0.5),
        ({"network": "small", "norm": "batch", **DEEP}, 4, 0.6),
    ],
    ids=["pruned", "clustered", "both", "johnson", "batch norm"],
)
def test_what_the_compress_stage_made_is_what_the_files_hold(
    tmp_path: Path, network: dict[str, Any], bits: int | None, zeros: float | None
) -> None:
    """Zeros and tables, bit for bit; the input scale, a power of two, is folded into the first kernel on the way."""
    made = compressed(network, bits, zeros)
    model, scales = made.model, folded_scales(made.model)
    assert scales == {"down0_conv": 1 / 128}
    kernels = compressing.kernels(model)
    expected = {}
    for name, kernel in kernels.items():
        scaled = kernel * np.float32(scales.get(name, 1))
        # What is only pruned has any values, which files round; what is clustered has values that they hold.
        expected[name] = np.transpose(scaled if bits else scaled.astype(np.float16).astype(np.float32), (3, 2, 0, 1))
    for record in material.exported(made.deployed, made.recipe, tmp_path, ()):
        held = held_by(tmp_path / record.file)
        values = [info.values.astype(np.float32) for info in held]
        zeroed = [np.transpose(kernel == 0, (3, 2, 0, 1)) for kernel in kernels.values()]
        assert all(np.array_equal(found == 0, those) for found, those in zip(values, zeroed, strict=True))
        assert_same_bits(values, expected)
        assert all(np.unique(found).size <= 2 ** (bits or 16) for found in values)
        assert all((found == 0).mean() >= (zeros or 0) - 1 / found.size for found in values)
        assert any(info.dtype_stored.startswith("lut") or info.dtype_stored.endswith("sparse") for info in held)


def held_by(path: Path) -> list[Any]:
    """The stored kernel that each convolution of a Core ML file computes with, in the file's order.

    Layers have other names there, but run one after the other as in the network: their order tells which is which.
    """
    from coremltools.proto import Model_pb2

    stored = weights(path)
    model = path / "Data/com.apple.CoreML/model.mlmodel" if path.is_dir() else path
    spec = Model_pb2.Model.FromString(model.read_bytes())
    if spec.WhichOneof("Type") == "neuralNetwork":
        layers = spec.neuralNetwork.layers
        return [stored[f"{layer.name}.weights"] for layer in layers if layer.WhichOneof("layer") == "convolution"]
    main = spec.mlProgram.functions["main"]
    operations = main.block_specializations[main.opset].operations
    return [stored[each.inputs["weight"].arguments[0].name] for each in operations if each.type == "conv"]


def assert_same_bits(found: list[np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """Each of *found* is the one in its place of *wanted*, which are by layer name in the network's order."""
    wrong = [
        name for values, (name, those) in zip(found, wanted.items(), strict=True) if values.tobytes() != those.tobytes()
    ]
    assert not wrong
    assert len({array.tobytes() for array in wanted.values()}) == len(wanted)  # or swapped ones would not show


def test_a_joint_file_mixes_forms_and_says_so(tmp_path: Path) -> None:
    model = network([16, 5, 300], 0.7)
    (record,) = material.exported(model, material.recipe(("mlpackage-joint",), SIDE), tmp_path, ())
    stored = {info.dtype_stored for info in weights(tmp_path / record.file).values() if info.values.ndim == 4}
    assert stored == {"lut-4bit-sparse", "lut-3bit", "lut-4bit", "float16-sparse"}
    assert record.notes[1] == "kernels: 1 4-bit joint, 2 3-bit palettized, 1 4-bit palettized, 2 sparse"
    assert "iOS 18" in record.notes[0]


@pytest.mark.parametrize("target", EXACT)
def test_a_network_that_gains_nothing_is_refused(tmp_path: Path, target: str) -> None:
    model = material.filled("small", alpha=0.3, blocks=0)
    with pytest.raises(ExportError, match=f"{target} makes no kernel of this network smaller: (prune|cluster)"):
        material.exported(model, material.recipe((target,), SIDE), tmp_path, ())
    assert not list(tmp_path.glob("*.ml*"))


@pytest.mark.parametrize("target", ["mlmodel-palettized", "mlpackage-joint"])
def test_another_value_or_form_than_the_networks_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str
) -> None:
    """The smallest change there is: one weight of one kernel, by one bit of its fp16."""
    from export_pipeline.formats.coreml import file as coreml_file

    read = coreml_file.kernels

    def changed(path: Path) -> tuple[Kernel, ...]:
        *others, last = read(path)
        assert last.values is not None
        bits = last.values.copy().view(np.uint16)
        bits[-1, -1, -1, -1] ^= 1
        return (*others, Kernel(last.size, last.storage, last.bits, bits.view(np.float16)))

    monkeypatch.setattr(coreml_file, "kernels", changed)
    with pytest.raises(ExportError, match="1 of 6 kernels have other values than the network's"):
        material.exported(network([16], 0.6), material.recipe((target,), SIDE), tmp_path, ())
    monkeypatch.undo()
    monkeypatch.setattr("export_pipeline.formats.coreml.write._passes", lambda target: None)
    monkeypatch.setattr(
        "export_pipeline.formats.coreml.write._tables_in_network", lambda model, target: model.get_spec()
    )
    with pytest.raises(ExportError, match="kernels are stored as 6 fp16 of 16 bits"):
        material.exported(network([16], 0.6), material.recipe((target,), SIDE), tmp_path, ())
    assert not list(tmp_path.glob("*.ml*"))


@pytest.mark.parametrize(
    ("target", "count", "zeros", "form"),
    [
        ("mlpackage-palettized", 2, 0.0, Form("palettized", 1)),
        ("mlpackage-palettized", 5, 0.0, Form("palettized", 4)),
        ("mlpackage-palettized", 17, 0.5, Form("palettized", 6)),
        ("mlpackage-palettized", 256, 0.5, Form("palettized", 8)),
        ("mlpackage-palettized", 300, 0.5, DENSE),
        ("mlmodel-palettized", 5, 0.0, Form("palettized", 3)),
        ("mlmodel-palettized", 65, 0.5, Form("palettized", 7)),
        ("mlpackage-sparse", 300, 0.5, Form("sparse", 16)),
        ("mlpackage-sparse", 300, 0.05, DENSE),
        ("mlpackage-joint", 16, 0.8, Form("joint", 4)),
        ("mlpackage-joint", 9, 0.8, Form("joint", 3)),  # eight values beside zero
        ("mlpackage-joint", 16, 0.05, Form("palettized", 4)),
        ("mlpackage-joint", 300, 0.5, Form("sparse", 16)),
    ],
)
def test_a_kernel_takes_the_smallest_form(target: str, count: int, zeros: float, form: Form) -> None:
    assert form_of(halves(random_kernel(count, zeros)), TARGETS[target]) == form


def test_a_small_kernel_stays_dense_where_its_table_would_cost_more() -> None:
    kernel = halves(random_kernel(16, 0.5, (3, 3, 3, 3)))
    assert form_of(kernel, TARGETS["mlpackage-palettized"]) == DENSE
    assert form_of(kernel, TARGETS["mlmodel-palettized"]) == Form("palettized", 4)


def test_negative_zero_is_zero_in_masks_and_tables() -> None:
    kernel = np.array([-0.0, 0.0, 1.0, -1.0], np.float32).reshape(1, 1, 2, 2)
    half = halves(kernel)
    assert not np.signbit(half[half == 0]).any()
    entries, _ = table(half, 2)
    assert entries.tolist() == [-1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("bits", range(1, 9))
def test_indices_are_packed_as_core_ml_tools_unpacks_them(bits: int) -> None:
    from coremltools.models.neural_network.quantization_utils import _convert_array_to_nbit_quantized_bytes
    from coremltools.optimize._utils import pack_elements_into_bits

    from export_pipeline.formats.coreml.tables import pack

    numbers = np.random.default_rng(bits).integers(0, 2**bits, 37).astype(np.uint8)
    assert np.array_equal(pack(numbers, bits, "big"), _convert_array_to_nbit_quantized_bytes(numbers, bits))
    assert np.array_equal(pack(numbers, bits, "little"), pack_elements_into_bits(numbers, bits))


def test_values_of_few_bits_in_a_weight_file_keep_their_padding(tmp_path: Path) -> None:
    """Masks, and indices of 3 bits whose last byte is not full, too large to lie in the program."""
    model = material.filled("johnson", alpha=0.5, blocks=0)
    for weight in model.weights:
        if "kernel" in weight.name:
            weight.assign(few_values(weight.numpy(), 7, 0.8))
    (record,) = material.exported(model, material.recipe(("mlpackage-joint",), SIDE), tmp_path, ())
    data = (tmp_path / record.file / "Data/com.apple.CoreML/weights/weight.bin").read_bytes()
    paddings = set()
    count, at = struct.unpack_from("<I", data)[0], 64
    for _ in range(count):
        size, offset, padding = struct.unpack_from("<QQQ", data, at + 8)
        paddings.add(padding)
        at = -(-(offset + size) // 64) * 64
    assert count >= 3
    assert len(paddings) > 1
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    expected = model(image[None].astype(np.float32)).numpy()[0]
    error = np.mean((open_model(tmp_path / record.file, threads=1).stylize(image).astype(np.float64) - expected) ** 2)
    assert 10 * np.log10(255**2 / error) > 45


@pytest.mark.parametrize("count", [200, 1000, 2187, 5000])
def test_many_equal_values_are_counted_once(count: int) -> None:
    """NumPy's own sort of float16 does not see to that on processors with AVX-512."""
    random = np.random.default_rng(0)
    values = np.array([-0.4497, -0.2384, -0.1211, -0.0167, 0.075, 0.19, 0.3435, 0.639], np.float16)
    share = np.array([74, 297, 435, 548, 435, 286, 99, 13]) / 2187
    for _ in range(20):
        kernel = random.permutation(np.repeat(values, random.multinomial(count, share)))
        needed = math.ceil(math.log2(len(set(kernel.tolist()))))
        assert form_of(kernel, TARGETS["mlmodel-palettized"]).bits == needed
        entries, indices = table(kernel, 3)
        assert np.array_equal(entries[indices], kernel)
