"""The model card of a bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from export_pipeline.recipe import Recipe
from export_pipeline.report import read_report
from export_pipeline.report.card import card
from export_pipeline.report.model import Record
from export_pipeline.targets import TARGETS
from tests.builds import COMMITTED


def record(**about: str) -> Record:
    found = read_report(COMMITTED).record
    return found.model_copy(update={"recipe": Recipe.parse({**found.recipe.model_dump(), "about": about})})


def test_the_front_matter_is_yaml() -> None:
    text = card(record(license="CC-BY-4.0", author="A: B", description="--- [x]"))
    _, front, _ = text.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "cc-by-4.0",
        "tags": ["coreml", "tflite", "onnx", "coreai", "style-transfer"],
        "pipeline_tag": "image-to-image",
    }
    assert "- Author: A: B" in text
    assert "--- [x]" in text


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_files_of_every_target_have_a_tag(target: str) -> None:
    made = record()
    row = made.files[0].model_copy(update={"target": target, "format": TARGETS[target].format})
    _, front, _ = card(made.model_copy(update={"files": (row,)})).split("---\n", 2)
    tag, task = yaml.safe_load(front)["tags"]
    assert tag in ("coreml", "coreai", "tflite", "onnx")
    assert task == "style-transfer"


def test_every_number_is_that_of_the_record() -> None:
    made = record()
    text = card(made)
    for row in made.files:
        assert f"| `{row.file}` |" in text
        assert f"| {row.size.bytes:,} |" in text
    for row in made.parity:
        content = row.metric("content_distance")
        assert content is not None
        assert f"| {row.target} | {content:.3f}" in text
    assert "Images of 640x480 (height x width) only" in text
    assert made.provenance["checkpoint_sha256"] in text


def test_what_is_not_known_is_said() -> None:
    text = card(record())
    for part in ("Author: not given", "Licence: not given; without one", "Data: not described"):
        assert part in text
    assert "license:" not in text
    bare = record().model_copy(
        update={
            "parity": tuple(
                row.model_copy(update={"quality": "skipped", "quality_reason": "no judge"}) for row in record().parity
            )
        }
    )
    assert "Not measured: no judge." in card(bare)


@pytest.mark.parametrize(
    ("train", "verify", "said"),
    [
        ({}, {}, "photographs that it was trained on"),
        ({"hold_out": 2}, {}, "samples that nothing was trained on"),
        ({"content": "photos"}, {}, "samples that nothing was trained on"),
        ({"hold_out": 2}, {"content": "builtin_too"}, "samples that nothing was trained on"),
        ({"content": "photos", "hold_out": 2}, {"content": "photos"}, "photographs that it was trained on"),
    ],
)
def test_it_says_whether_the_samples_were_learned_from(
    train: dict[str, Any], verify: dict[str, Any], said: str
) -> None:
    found = record()
    recipe = Recipe.parse({"train": {"steps": 1, **train}, "verify": verify})
    assert f" {said}." in card(found.model_copy(update={"recipe": recipe}))


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({}, "photographs and paintings that it was trained on"),
        ({"hold_out": 2}, "photographs that nothing was trained on, after paintings that it was trained on"),
        ({"hold_out": 2, "styles": "paintings", "hold_out_styles": ["a.jpg"]}, "samples that nothing was trained on"),
    ],
)
def test_it_says_whether_the_paintings_were_learned_from(train: dict[str, Any], said: str) -> None:
    assert Recipe.parse({"task": "arbitrary_style", "train": {"steps": 1, **train}}).judged_on == said


def test_it_is_the_same_for_the_same_record() -> None:
    again = Record.model_validate(json.loads(record().model_dump_json()))
    assert card(again) == card(record())
