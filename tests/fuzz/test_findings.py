"""What the fuzzer found, made here byte by byte, and its siblings: each is an error of this project now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from export_pipeline.errors import BundleError, CheckpointError, ModelError, PipelineError, RecipeError
from export_pipeline.formats import contents_of, diagnosis_of, interface_of, open_model
from export_pipeline.formats.coreai import asset
from export_pipeline.recipe import DistillRecipe, Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.report import inspect, read_release
from export_pipeline.report.devices import read_result
from export_pipeline.train.checkpoint import Checkpoint

HALF, DEEP = '{"name": "\\ud800"}', "[" * 100_000


def test_a_checkpoint_with_half_of_a_pair_of_characters_is_shown_without_what_it_says(tmp_path: Path) -> None:
    from safetensors.numpy import save

    for told in (HALF, '{"a": ' * 500 + "1" + "}" * 500, DEEP):
        (tmp_path / "a.safetensors").write_bytes(save({"a": np.zeros(2)}, metadata={"checkpoint": told, "by": "me"}))
        found: Any = inspect(tmp_path / "a.safetensors")
        assert json.loads(found.model_dump_json())["metadata"] == {"by": "me"}


@pytest.mark.parametrize("read", [read_release, read_result])
def test_a_report_that_no_file_can_hold_is_refused(read: Callable[[Path], Any], tmp_path: Path) -> None:
    for document in (HALF, DEEP):
        (tmp_path / "a.json").write_text(document)
        with pytest.raises(BundleError, match="is no JSON"):
            read(tmp_path / "a.json")


def test_metadata_of_a_core_ai_file_that_no_file_can_hold_are_refused(tmp_path: Path) -> None:
    (tmp_path / asset.PROGRAM).write_bytes(b"")
    for document in (HALF, DEEP):
        (tmp_path / asset.METADATA).write_text(document)
        with pytest.raises(ModelError, match="is damaged"):
            asset.read_metadata(tmp_path)


@pytest.mark.parametrize("kind", [Recipe, DistillRecipe])
def test_a_recipe_that_nests_too_deeply_is_refused(kind: Any, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f"name = {DEEP}")
    with pytest.raises(RecipeError, match="too deeply"):
        kind.load(tmp_path / "a.toml")


@pytest.mark.parametrize("train", [5, [], "style_loss", None])
def test_a_recorded_recipe_whose_table_is_none_is_refused(train: Any, tmp_path: Path) -> None:
    from safetensors.numpy import save

    recipe = {"task": "style_transfer", "name": "a", "train": train}
    told = json.dumps({"stage": "train", "step": 1, "recipe": recipe})
    (tmp_path / "a.safetensors").write_bytes(save({"a": np.zeros(2)}, metadata={"checkpoint": told}))
    with pytest.raises(CheckpointError, match="not a checkpoint of this project"):
        Checkpoint.open(tmp_path / "a.safetensors")


@pytest.mark.parametrize("ranges", ["5", "[1, 2]", "true", '"ab"'])
def test_a_recipe_whose_ranges_are_no_table_is_refused(ranges: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'task = "parity"\n[model]\nfile = "a.keras"\nranges = {ranges}\n')
    with pytest.raises(RecipeError, match=r"model\.ranges"):
        Recipe.load(tmp_path / "a.toml")


@pytest.mark.parametrize("target", [["mlpackage-fp16"], {}, 5])
def test_a_record_whose_target_is_no_name_is_refused(target: Any) -> None:
    with pytest.raises(ValidationError, match="target"):
        ExportedModel.model_validate({"target": target, "signature": {"height": 64, "width": 64}})


def test_a_tflite_file_with_an_activation_that_the_schema_does_not_have_is_refused(whole: Path, tmp_path: Path) -> None:
    """LiteRT opens it; every reader after that either reads it or says that it is damaged."""

    def change(model: Any) -> None:
        options = (operator.builtinOptions for operator in model.subgraphs[0].operators)
        next(each for each in options if hasattr(each, "strideH")).fusedActivationFunction = 77

    path = changed_tflite(whole / "tflite" / "tiny-fp16", change, tmp_path)
    with pytest.raises(ModelError, match=r"is damaged or not a whole \.tflite model"):
        diagnosis_of(path, contents_of(path))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", ["tiny-fp16", "tiny-int8"])
def test_a_tflite_file_with_an_operation_that_lacks_an_input_does_not_end_the_process(
    name: str, place: int, whole: Path, tmp_path: Path
) -> None:
    """XNNPACK ended it at a sum without its first input; readers do without XNNPACK, and who runs it checks that."""

    def change(model: Any) -> None:
        for operator in model.subgraphs[0].operators:
            if len(operator.inputs) == 2 and getattr(operator.builtinOptions, "fusedActivationFunction", None) == 0:
                operator.inputs = operator.inputs.copy()
                operator.inputs[place] = -1

    path = changed_tflite(whole / "tflite" / name, change, tmp_path)
    for read in (contents_of, interface_of, *([open_model] if place == 0 else [])):
        with pytest.raises(ModelError, match="is damaged or not"):
            read(path)


@pytest.mark.parametrize("name", ["tiny-fp16", "tiny-int8"])
def test_a_tflite_file_with_an_operation_that_lacks_its_output_does_not_end_the_process(
    name: str, whole: Path, tmp_path: Path
) -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].operators[0].outputs = [-1]

    path = changed_tflite(whole / "tflite" / name, change, tmp_path)
    for read in (contents_of, interface_of, open_model):
        with pytest.raises(ModelError, match="is damaged or not"):
            read(path)


def test_a_tflite_file_without_a_graph_does_not_end_the_process(whole: Path, tmp_path: Path) -> None:
    def change(model: Any) -> None:
        model.subgraphs = None

    path = changed_tflite(whole / "tflite" / "tiny-fp16", change, tmp_path)
    for read in (contents_of, interface_of, open_model):
        with pytest.raises(ModelError, match="is damaged or not"):
            read(path)


def changed_tflite(seed: Path, change: Callable[[Any], None], folder: Path) -> Path:
    """A copy of the TFLite file *seed* after *change* of its model."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(seed.read_bytes(), 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "a.tflite").write_bytes(bytes(builder.Output()))
    return folder / "a.tflite"


@pytest.mark.parametrize("suffix", ["onnx", "tflite", "mlmodel"])
def test_a_file_of_one_byte_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"\x00")
    for read in (contents_of, interface_of):
        with pytest.raises(PipelineError):
            read(path)
