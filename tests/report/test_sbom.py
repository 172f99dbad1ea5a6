"""The bill of materials of a bundle."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from export_pipeline.bundle import Bundle
from export_pipeline.recipe import Recipe
from export_pipeline.report import read_report
from export_pipeline.report.model import Record
from export_pipeline.report.sbom import sbom
from tests.builds import COMMITTED

ABOUT = {"author": "A. Painter", "license": "CC-BY-4.0", "version": "1.4.0", "description": "Paints."}
MODELS = Bundle.open(COMMITTED).manifest.models


def record(libraries: dict[str, str] | None = None, **about: str) -> Record:
    found = read_report(COMMITTED).record
    recipe = Recipe.parse({**found.recipe.model_dump(), "about": about})
    return found.model_copy(update={"recipe": recipe, "libraries": libraries or {"numpy": "2", "pydantic": "2"}})


def made(**about: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom(record(**about), MODELS))
    return found


def schemas() -> Path:
    """The folder of CycloneDX's own schemas."""
    found = find_spec("cyclonedx")
    if found is None or found.origin is None:
        pytest.skip("cyclonedx-python-lib, which carries the schemas, is not installed")
    return Path(found.origin).parent / "schema" / "_res"


@pytest.mark.parametrize("about", [{}, ABOUT], ids=["nothing told", "all told"])
def test_it_follows_the_schema_of_cyclonedx(about: dict[str, str]) -> None:
    folder = schemas()
    files = {"spdx": "spdx", "jsf-0.82": "jsf-0.82", "bom-1.6": "bom-1.6"}
    texts = {name: json.loads((folder / f"{file}.SNAPSHOT.schema.json").read_text()) for name, file in files.items()}
    registry: Any = Registry().with_resources([(text["$id"], Resource.from_contents(text)) for text in texts.values()])
    validator = jsonschema.Draft7Validator(texts["bom-1.6"], registry=registry)
    validator.validate(made(**about))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**made(**about), "specVersion": 1.6})


def test_every_file_is_there_with_its_hash() -> None:
    files = {one["name"]: one["hashes"][0]["content"] for one in made()["components"] if one["type"] == "file"}
    assert files == {name: digest for model in MODELS for name, digest in model.sha256.items()}
    assert len(files) > len(MODELS)  # a package is several


def test_packages_are_those_that_are_installed_and_what_they_require() -> None:
    libraries = {"pydantic": "2", "no-such-package": "1", "skimage": "not installed"}
    found = json.loads(sbom(record(libraries), MODELS))["components"]
    names = {one["name"] for one in found if one["type"] == "library"}
    assert {"pydantic", "pydantic-core", "typing-extensions", "annotated-types"} <= names
    assert not names & {"no-such-package", "skimage", "email-validator"}  # the last is of an extra
    for one in found:
        if one["type"] == "library":
            assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"


def test_every_reference_leads_somewhere_and_the_same_record_gives_the_same_bytes() -> None:
    found = made(**ABOUT)
    known = {one["bom-ref"] for one in (*found["components"], found["metadata"]["component"])}
    assert {name for row in found["dependencies"] for name in (row["ref"], *row["dependsOn"])} <= known
    assert len(known) == len(found["components"]) + 1
    assert sbom(record(**ABOUT), MODELS) == sbom(record(**ABOUT), MODELS)
    assert found["metadata"]["component"]["licenses"] == [{"license": {"name": "CC-BY-4.0"}}]
