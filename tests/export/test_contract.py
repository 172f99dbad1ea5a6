"""What holds for every target and every network: a new one is tested by being listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.base.files import size
from export_pipeline.base.images import fit
from export_pipeline.formats import open_model
from export_pipeline.records.signature import Signature
from export_pipeline.targets import TARGETS
from tests.export import material

ROOT = Path(__file__).parents[2]
# Far below what is measured (fp32 above 100, fp16 above 50, 8-bit weights above 35), far above a wrong layout.
LEAST_PSNR = {"fp32": 90.0, "fp16": 45.0, "int8": 28.0, "palettized": 45.0, "sparse": 45.0, "joint": 45.0}


@pytest.mark.parametrize("network", material.NETWORKS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_file_runs_and_gives_what_the_network_gives(
    exported: Any, photographs: list[np.ndarray], network: str, target: str
) -> None:
    model, recipe, folder, records = exported(network)
    record = records[target]
    runtime = open_model(folder / record.file, threads=1)
    assert runtime.signature == record.signature
    for photograph in photographs[:2]:
        image = fit(photograph, *material.signature_of(recipe).size)
        expected = model(image[None].astype(np.float32)).numpy()[0]
        error = np.mean((runtime.stylize(image).astype(np.float64) - expected) ** 2)
        assert 10 * np.log10(255**2 / error) > LEAST_PSNR[TARGETS[target].weights]


@pytest.mark.parametrize("target", TARGETS)
def test_a_record_names_its_file_and_its_hashes(exported: Any, target: str) -> None:
    _, recipe, folder, records = exported("small")
    record = records[target]
    assert record.file == TARGETS[target].file_name(recipe.name)
    assert (folder / record.file).exists()
    assert record.checkpoint_sha256 == "0" * 64
    assert record.notes[0] == TARGETS[target].reason
    for path, digest in record.sha256.items():
        assert material.digest(folder / path) == digest
    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_another_process_gives_the_same_bytes(exported: Any, tmp_path: Path) -> None:
    _, _, _, records = exported("small")
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.export.material", str(tmp_path)],
        capture_output=True, text=True, check=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert json.loads(run.stdout) == {k: v for record in records.values() for k, v in record.sha256.items()}
    assert "Converting" not in run.stderr  # the progress bars of coremltools
    assert "Quantizing" not in run.stderr


def test_only_full_integer_with_instance_norm_keeps_floats(exported: Any) -> None:
    _, _, _, instance = exported("small")
    _, _, _, batch = exported("johnson_batch")
    plain = {target: record for target, record in instance.items() if not TARGETS[target].exact}
    noted = [target for target, record in plain.items() if any("stay in float" in note for note in record.notes)]
    assert noted == ["tflite-int8"]
    # The norms of files whose sums may be in half precision are the only ones with factors.
    scaled = {target for target, record in plain.items() if any("powers of two" in note for note in record.notes)}
    assert scaled <= {target for target in plain if TARGETS[target].half_sums}
    assert not any(record.notes[1:] for target, record in batch.items() if not TARGETS[target].exact)


def test_full_integer_takes_and_gives_bytes_that_mean_themselves(exported: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    for network in material.NETWORKS:
        _, _, folder, records = exported(network)
        interpreter = Interpreter(model_path=str(folder / records["tflite-int8"].file), num_threads=1)
        for detail in (*interpreter.get_input_details(), *interpreter.get_output_details()):
            assert detail["dtype"] == np.uint8
            assert detail["quantization"] == (1.0, 0)


@pytest.mark.parametrize("target", [target for target in TARGETS if target.startswith("tflite")])
def test_a_tflite_file_keeps_its_signature_runner_and_metadata(exported: Any, target: str) -> None:
    from ai_edge_litert.interpreter import Interpreter

    _, recipe, folder, records = exported("small")
    path = folder / records[target].file
    signature = material.signature_of(recipe)
    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    assert list(runner.get_input_details()) == [port.name for port in signature.inputs]
    assert list(runner.get_output_details()) == [port.name for port in signature.outputs]
    assert Signature.from_metadata(open_model(path, threads=1).metadata) == records[target].signature


def test_core_ml_files_are_small_and_ask_for_old_systems(tmp_path: Path) -> None:
    from coremltools.proto import Model_pb2

    model = material.filled("small", alpha=0.3)
    network, package = material.exported(model, material.recipe(("mlmodel-int8", "mlpackage-int8"), 256), tmp_path, ())
    assert size(tmp_path / network.file) <= 14_600
    assert size(tmp_path / package.file) <= 24_500
    spec = Model_pb2.Model.FromString((tmp_path / network.file).read_bytes())
    assert spec.specificationVersion == 3  # iOS 12
    inside = tmp_path / package.file / "Data" / "com.apple.CoreML" / "model.mlmodel"
    assert Model_pb2.Model.FromString(inside.read_bytes()).specificationVersion == 7  # iOS 16


@pytest.mark.parametrize(
    ("target", "version"),
    [("mlpackage-palettized", 7), ("mlpackage-sparse", 7), ("mlpackage-joint", 9), ("mlmodel-palettized", 3)],
)
def test_compressed_forms_ask_for_the_system_that_knows_them(exported: Any, target: str, version: int) -> None:
    """Versions of the specification: 3 came with iOS 12, 7 with iOS 16, 9 with iOS 18."""
    from coremltools.proto import Model_pb2

    for network in material.NETWORKS:
        _, _, folder, records = exported(network)
        path = folder / records[target].file
        model = path / "Data/com.apple.CoreML/model.mlmodel" if path.is_dir() else path
        assert Model_pb2.Model.FromString(model.read_bytes()).specificationVersion == version


def program(folder: Path) -> Any:
    """The only block of an ML Program."""
    from coremltools.proto import Model_pb2

    inside = folder / "Data" / "com.apple.CoreML" / "model.mlmodel"
    (function,) = Model_pb2.Model.FromString(inside.read_bytes()).mlProgram.functions.values()
    return function.block_specializations[function.opset]


@pytest.mark.parametrize("network", material.NETWORKS)
def test_no_file_of_core_ml_lays_out_its_features_anew(exported: Any, network: str) -> None:
    """Transposes, which a converter of channels last has before and after what it does not understand."""
    from coremltools.proto import Model_pb2

    _, _, folder, records = exported(network)
    block = program(folder / records["mlpackage-fp16"].file)
    assert "transpose" not in [operation.type for operation in block.operations]
    older = Model_pb2.Model.FromString((folder / records["mlmodel-int8"].file).read_bytes())
    assert "transpose" not in [layer.WhichOneof("layer") for layer in older.neuralNetwork.layers]


def test_repeated_edges_are_one_operation(exported: Any) -> None:
    from coremltools.proto import Model_pb2

    _, _, folder, records = exported("subpixel_margin")
    types = [operation.type for operation in program(folder / records["mlpackage-fp16"].file).operations]
    assert [types.count(kind) for kind in ("pad", "crop", "slice_by_index", "concat")] == [1, 1, 0, 0]
    older = Model_pb2.Model.FromString((folder / records["mlmodel-int8"].file).read_bytes())
    (padding,) = [layer.padding for layer in older.neuralNetwork.layers if layer.WhichOneof("layer") == "padding"]
    assert padding.WhichOneof("PaddingType") == "replication"


def test_a_program_has_one_operation_for_a_norm(exported: Any) -> None:
    _, _, folder, records = exported("small")
    block = program(folder / records["mlpackage-fp16"].file)
    types = [operation.type for operation in block.operations]
    assert types.count("instance_norm") == types.count("conv") == 8
    constants = [
        op.attributes["val"].SerializeToString(deterministic=True) for op in block.operations if op.type == "const"
    ]
    assert len(set(constants)) == len(constants)
