"""The vectors of the demo apps are what Python works out, and the project judges the bundles among them alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.images import fit
from export_pipeline.bundle import Bundle
from export_pipeline.errors import BundleError, CheckFailed
from tests.apps.generate.pictures import fitted
from tests.apps.generate.write import KEPT, VECTORS, write_all

# Python refuses keys that it does not know; an app reads on, for a later version may add some.
STRICTER = {"good_more_keys"}
# Python looks at paths and hashes when it checks the files, reads "640" as 640, and has known one format so far.
LATER = {"path_up", "path_absolute", "path_backslash", "model_unlisted", "two_hashes"}
LATER |= {"height_is_text", "other_version", "no_version"}


def files(folder: Path) -> dict[str, Path]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if name not in KEPT}


def vectors(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_bytes())
    return found


def test_they_are_what_one_command_writes(tmp_path: Path) -> None:
    count = write_all(tmp_path)
    made, kept = files(tmp_path), files(VECTORS)
    assert count == len(made)
    assert set(made) == set(kept), "run: python -m tests.apps.generate"
    for name, path in made.items():
        if name.endswith(".png"):  # the bytes depend on zlib, the pixels do not
            same = np.array_equal(np.array(Image.open(path)), np.array(Image.open(kept[name])))
        else:
            same = path.read_bytes() == kept[name].read_bytes()
        assert same, f"{name} has changed; run: python -m tests.apps.generate"


@pytest.mark.parametrize("case", vectors("pictures")["fits"], ids=lambda case: Path(case["source"]).stem)
def test_fits_are_those_of_the_project(case: dict[str, Any]) -> None:
    picture, target = np.array(Image.open(VECTORS / case["source"])), tuple(case["target"])
    found = fit(picture, target[1], target[0])
    either = [fitted(picture, target, across_first) for across_first in (True, False)]
    assert any(np.array_equal(found, made) for made in either)
    assert np.array_equal(either[0], np.array(Image.open(VECTORS / case["expected"])))


def test_what_is_no_vector_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("kept")
    (tmp_path / "old.png").write_bytes(b"")
    write_all(tmp_path)
    assert (tmp_path / "README.md").is_file()
    assert not (tmp_path / "old.png").exists()


@pytest.mark.parametrize("case", vectors("manifests")["documents"], ids=lambda case: Path(case["folder"]).name)
def test_the_project_judges_each_manifest_alike(case: dict[str, Any]) -> None:
    folder = VECTORS / case["folder"]
    if folder.name in LATER:
        Bundle.open(folder)
    elif case["open"] == "ok" and folder.name not in STRICTER:
        assert [model.file for model in Bundle.open(folder).manifest.models] == [row["file"] for row in case["models"]]
    else:
        with pytest.raises((BundleError, CheckFailed)):
            Bundle.open(folder)


def test_the_readme_names_every_file() -> None:
    text = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert not [
        name for name in files(VECTORS) if name.endswith(".json") and "/" not in name and f"`{name}`" not in text
    ]
