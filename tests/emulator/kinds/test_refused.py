"""Kinds of model that no file alone can answer: refused with the reason, and inspected like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.emulator import CoreMLModel, describe, listing, weights
from export_pipeline.emulator.coremltools_quietly import model_proto
from export_pipeline.emulator.program import NETWORKS, PIPELINES
from export_pipeline.emulator.registry import REFUSED_KINDS, kinds
from export_pipeline.errors import UnsupportedOperationError
from export_pipeline.report.inspection import inspect_model
from export_pipeline.report.render import inspection_text
from tests.emulator.kinds.specs import base


def test_every_kind_of_the_format_is_run_or_refused_with_a_reason() -> None:
    known = {field.name for field in model_proto().Model.DESCRIPTOR.oneofs_by_name["Type"].fields}
    assert not set(kinds()) & set(REFUSED_KINDS)
    assert {*kinds(), *REFUSED_KINDS, *NETWORKS, *PIPELINES, "mlProgram"} == known


@pytest.mark.parametrize("kind", REFUSED_KINDS)
def test_refused_with_the_reason_and_inspected(kind: str, tmp_path: Path) -> None:
    spec = base({"text": "string", "list": "list of string"}, {"label": "string"})
    image = spec.description.input.add(name="image").type.imageType
    image.width, image.height, image.colorSpace = 20, 30, 20
    getattr(spec, kind).SetInParent()
    path = tmp_path / "kind.mlmodel"
    path.write_bytes(spec.SerializeToString())
    with pytest.raises(UnsupportedOperationError) as caught:
        CoreMLModel(path)
    assert str(caught.value) == f"{path} is a Core ML model of type {kind!r}: {REFUSED_KINDS[kind]}"
    assert describe(path)["operations"] == {kind: 1}
    assert weights(path) == {}
    assert listing(path).bodies[0].steps[0].kind == kind
    assert kind in inspection_text(inspect_model(path), False)
