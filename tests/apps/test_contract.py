"""What the pipeline believes of the apps' code is what stands in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.apps.contract import APPS, refusal
from export_pipeline.records.signature import Signature
from export_pipeline.targets import TARGETS
from tests.builds import ROOT

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "roles.json").read_bytes())["cases"]
SWIFT = ROOT / "ios_demo/StyleKit/Sources/StyleKit/Bundles"


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["role"]))
def test_a_signature_is_handled_if_it_has_a_role(case: dict[str, Any]) -> None:
    signature = Signature.model_validate(case["signature"])
    app = APPS["ios" if signature.inputs[0].kind == "image" else "android"]
    assert bool(refusal(signature, app)) == (case["role"] is None)


def test_targets_are_those_of_the_swift_code() -> None:
    text = (SWIFT / "Choice.swift").read_text(encoding="utf-8")
    table = text.split("targets: [(name: String, system: Int)] = [")[1].split("]")[0]
    rows = re.findall(r'\("([a-z0-9-]+)", (\d+)\)', table)
    assert tuple(name for name, _ in rows) == APPS["ios"].targets
    assert {name: int(system) for name, system in rows if name.startswith("mlpackage")} == {
        name: TARGETS[name].ios for name in APPS["ios"].targets if name.startswith("mlpackage")
    }


def test_every_target_of_a_format_is_known_to_its_app() -> None:
    formats = {"ios": ("mlpackage", "mlmodel"), "android": ("tflite",)}
    for name, app in APPS.items():
        assert set(app.targets) == {row.name for row in TARGETS.values() if row.format in formats[name]}


@pytest.mark.parametrize(("app", "change"), [("android", {"dtype": "float16"}), ("ios", {"dtype": "uint8"})])
def test_other_types_are_refused(app: str, change: dict[str, str]) -> None:
    short = {"height": 64, "width": 64, "dtype": "float32", "layout": "NHWC"}
    assert not refusal(Signature.model_validate(short), APPS[app])
    assert change["dtype"] in refusal(Signature.model_validate({**short, **change}), APPS[app])


def test_android_takes_no_images() -> None:
    image = Signature.model_validate({"height": 64, "width": 64})
    assert not refusal(image, APPS["ios"])
    assert "arrays are handled" in refusal(image, APPS["android"])
