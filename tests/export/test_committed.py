"""The committed network, exported anew, gives the committed files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from export_pipeline.base.files import files_of
from export_pipeline.bundle import CHECKPOINT, Bundle
from export_pipeline.compress.fold import fold_input_scale
from export_pipeline.export import export
from export_pipeline.formats import interface_of
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import image_to_image
from export_pipeline.targets import TARGETS
from export_pipeline.tasks.style_transfer import StyleTransfer
from export_pipeline.train import restored
from export_pipeline.train.checkpoint import Checkpoint
from tests.builds import COMMITTED

CORE_ML = ("mlmodel-int8", "mlpackage-fp16", "mlpackage-int8")
ARRAYS = ("tflite-fp16", "tflite-dynamic", "onnx-fp32")


@cache
def bundle() -> Bundle:
    return Bundle.open(COMMITTED)


def committed(target: str) -> ExportedModel:
    return next(model for model in bundle().manifest.models if model.target == target)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, ExportedModel]]:
    """The checkpoint of the bundle as its manifest says that it was exported."""
    folder, manifest = tmp_path_factory.mktemp("again"), bundle().manifest
    checkpoint = Checkpoint.open(COMMITTED / CHECKPOINT)
    recipe = manifest.recipe.model_copy(
        update={"export": manifest.recipe.export.model_copy(update={"targets": (*CORE_ML, *ARRAYS)})}
    )
    model = fold_input_scale(restored(checkpoint))
    told = {"checkpoint_sha256": checkpoint.sha256, "title": StyleTransfer.title}
    models = export(model, recipe, manifest.signature, folder, **told)
    return folder, {model.target: model for model in models}


@pytest.mark.parametrize("target", [*CORE_ML, *ARRAYS])
def test_files_have_the_same_bytes(made: tuple[Path, dict[str, ExportedModel]], target: str) -> None:
    folder, models = made
    if models[target].notes != committed(target).notes and TARGETS[target].half_sums:
        pytest.skip("SKIPPED: the committed file is of before norms were kept in half precision; build its bundle anew")
    assert models[target] == committed(target)
    old, new = COMMITTED / models[target].file, folder / models[target].file
    assert [path.read_bytes() for path in files_of(new)] == [path.read_bytes() for path in files_of(old)]


def test_the_committed_manifest_has_the_signature_of_the_network() -> None:
    manifest = bundle().manifest
    assert manifest.signature == image_to_image(640, 480, "image", "stylized")


@pytest.mark.parametrize("target", [*CORE_ML, *ARRAYS, "tflite-int8"])
def test_the_committed_manifest_and_files_agree_on_the_signature(target: str) -> None:
    record = committed(target)
    assert interface_of(bundle().model_path(record)).signature == record.signature
    interface = TARGETS[target].interface
    assert {port.dtype for port in record.signature.inputs} == {"uint8" if interface == "image" else interface}
    assert type(record).model_validate_json(record.model_dump_json()) == record
