"""The committed bundles keep what the project promises of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from export_pipeline.base.files import files_of, sha256, size
from export_pipeline.bundle import Bundle
from export_pipeline.recipe import Recipe
from tests.builds import COMMITTED, ROOT

PUBLISHED_BYTES = 16_876
PARAMETERS = {"small": 11_868, "tiny": 11_868, "johnson": 108_374, "subpixel": 14_314, "brain": 538_241}
# A bundle that lies here only in part: without the files of more than 1 MiB, and the package that one of them is in.
PARTLY = ROOT / "artifacts" / "unet_brain"
LARGEST = 1024 * 1024
LEFT_OUT = (
    "checkpoint.safetensors",
    "unet_brain-fp32.onnx",
    "unet_brain-fp16.tflite",
    "unet_brain-fp16.mlpackage",
    "unet_brain-fp16.aimodel",
)
RELEASES = (
    "starry_night_tiny",
    "starry_night_subpixel",
    "starry_night_johnson",
    "the_scream_small",
    "the_scream_subpixel",
    "the_scream_johnson",
    "great_wave_small",
    "great_wave_subpixel",
    "great_wave_johnson",
    "poppy_field_small",
    "poppy_field_subpixel",
    "poppy_field_johnson",
    "water_lilies_small",
    "water_lilies_subpixel",
    "water_lilies_johnson",
)
BUNDLES = [COMMITTED, *(ROOT / "artifacts" / name for name in RELEASES), PARTLY]


def report(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "report.json").read_text())
    return found


def test_every_bundle_is_looked_at() -> None:
    assert {path.parent for path in (ROOT / "artifacts").glob("*/manifest.json")} - {
        ROOT / "artifacts/demo",
        ROOT / "artifacts/starry_night_256",
    } == set(BUNDLES)


def test_it_is_smaller_than_the_published_network() -> None:
    assert size(COMMITTED / "starry_night_small-int8.mlmodel") <= PUBLISHED_BYTES
    assert size(COMMITTED / "starry_night_small-int8.mlpackage") <= 36_000


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_every_check_of_its_report_passed(bundle: Path) -> None:
    found = report(bundle)
    assert {row["status"] for row in found["parity"]} == {"passed"}
    assert {row["images"] for row in found["parity"]} == {Recipe.load(recipe_of(bundle)).verify.images}
    assert {row["quality"] for row in found["parity"]} == {"measured"}
    assert {row["status"] for row in found["budgets"]} == {"passed"}
    assert found["float_network"]["parameters"] == PARAMETERS[bundle.name.rsplit("_", 1)[1]]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_it_is_what_its_recipe_makes(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    assert manifest.recipe.model_dump() == Recipe.load(recipe_of(bundle)).model_dump()


def test_what_lies_here_of_a_part_is_what_was_built() -> None:
    """`export-pipeline build unet_brain` makes all of it."""
    listed = json.loads((PARTLY / "manifest.json").read_text())["files"]
    listed |= json.loads((PARTLY / "measured.json").read_text())["files"]
    lying = {path.relative_to(PARTLY).as_posix(): path for path in files_of(PARTLY)}
    if len(lying) == len(listed) + 2:
        pytest.skip("the whole bundle lies here: it was built anew")
    missing = set(listed) - set(lying)
    assert {name.split("/")[0] for name in missing} == set(LEFT_OUT)
    assert {name for name, entry in listed.items() if entry["bytes"] > LARGEST} <= missing
    for name in set(lying) & set(listed):
        assert sha256(lying[name]) == listed[name]["sha256"], name


def recipe_of(bundle: Path) -> Path:
    return ROOT / "export_pipeline" / "recipes" / f"{bundle.name}.toml"


def test_the_published_size_is_told() -> None:
    assert f"{PUBLISHED_BYTES:,} bytes" in (ROOT / "artifacts" / "README.md").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "artifacts" / "warm_starts").iterdir()), ids=lambda path: path.stem)
def test_a_warm_start_holds_weights_and_no_path_of_a_machine(path: Path) -> None:
    with safe_open(path, "np") as file:
        assert all(name.startswith("model.") for name in file.keys())  # noqa: SIM118 - it is no mapping
        record = json.loads(file.metadata()["checkpoint"])
    assert not Path(record["recipe"]["train"]["warm_start"] or "").is_absolute()
    assert path.stem.startswith(record["recipe"]["name"])
