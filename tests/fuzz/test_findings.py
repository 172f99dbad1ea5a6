"""What the fuzzer found, made here byte by byte, and its siblings: each is an error of this project now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import BundleError, ModelError, PipelineError, RecipeError
from export_pipeline.formats import contents_of, diagnosis_of, interface_of
from export_pipeline.formats.coreai import asset
from export_pipeline.recipe import DistillRecipe, Recipe
from export_pipeline.report import inspect, read_release
from export_pipeline.report.devices import read_result

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


def test_a_tflite_file_with_an_activation_that_the_schema_does_not_have_is_refused(whole: Path, tmp_path: Path) -> None:
    """LiteRT opens it; every reader after that either reads it or says that it is damaged."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf((whole / "tflite" / "tiny-fp16").read_bytes(), 0)
    options = next(op.builtinOptions for op in model.subgraphs[0].operators if hasattr(op.builtinOptions, "strideH"))
    options.fusedActivationFunction = 77
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "a.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelError, match=r"is damaged or not a whole \.tflite model"):
        diagnosis_of(path, contents_of(path))


@pytest.mark.parametrize("suffix", ["onnx", "tflite", "mlmodel"])
def test_a_file_of_one_byte_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"\x00")
    for read in (contents_of, interface_of):
        with pytest.raises(PipelineError):
            read(path)
