"""Which machines may run the jobs of a sweep."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from export_pipeline import sweep as sweeping
from export_pipeline.base.images import save_image
from export_pipeline.sweep import __main__ as child
from export_pipeline.sweep.door import LIKE, refusal, write_door
from export_pipeline.sweep.jobs import REFUSED
from tests.sweep.material import Captured

RECIPE = """
name = "tiny"
[train]
style = "style.png"
vgg_weights = "{vgg}"
content = "photographs"
hold_out = 1
[compress]
schedule = "constant"
end_step = 2
steps = 4
"""


@pytest.fixture
def jobs(tmp_path: Path, vgg_file: Path) -> dict[str, Path]:
    """A pruning that is shared, and a point that begins with it, as JSON, beside what they were written by."""
    for name in ("style", "photographs/a", "photographs/b"):
        save_image(tmp_path / f"{name}.png", np.full((40, 40, 3), len(name), np.uint8))
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(vgg=vgg_file))
    found = Captured()
    sweeping.sweep(recipe, ["compress.bits=2,4"], tmp_path / "out", engine=found)
    paths = {}
    for job in found:
        paths[job.kind] = tmp_path / f"{job.kind}.json"
        paths[job.kind].write_text(job.model_dump_json())
    write_door(tmp_path / "door.json")
    return paths


def test_the_machine_itself_is_let_in(jobs: dict[str, Path], tmp_path: Path) -> None:
    assert {kind: refusal(path, tmp_path / "door.json") for kind, path in jobs.items()} == {"prune": ""}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("Python", "3.9", "Python is {0[0]}.{0[1]} there and 3.9 here"),
        ("tensorflow", "1.0", " there and 1.0 here"),
        ("train/fit.py", "0", "export_pipeline has other contents there in 1 of its files, such as train/fit.py"),
        ("new/file.py", "0", "export_pipeline has other contents there in 1 of its files, such as new/file.py"),
    ],
)
def test_other_versions_are_not(name: str, value: str, why: str, jobs: dict[str, Path], tmp_path: Path) -> None:
    door = tmp_path / "door.json"
    about = json.loads(door.read_text())
    assert name in about or name.startswith("new")
    door.write_text(json.dumps({**about, name: value}))
    assert why.format(sys.version_info) in refusal(jobs["prune"], door)


def test_another_photograph_under_the_same_name_is_not(jobs: dict[str, Path], tmp_path: Path) -> None:
    save_image(tmp_path / "photographs" / "a.png", np.full((40, 40, 3), 200, np.uint8))
    assert "have other contents there" in refusal(jobs["prune"], tmp_path / "door.json")
    (tmp_path / "style.png").unlink()
    assert "what the recipe names cannot be read there: " in refusal(jobs["prune"], tmp_path / "door.json")


def test_who_does_not_see_the_folder_is_not(
    jobs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert child.main([str(jobs["prune"]), LIKE, str(tmp_path / "nowhere.json")]) == REFUSED
    nowhere = tmp_path / "nowhere.json"
    assert capsys.readouterr().out == f"it does not see {nowhere}; the output folder must be one that all nodes share\n"


def test_who_sees_the_folder_but_may_not_use_it_is_not(jobs: dict[str, Path], tmp_path: Path) -> None:
    assert refusal(jobs["prune"], tmp_path) == (
        f"it cannot read {tmp_path}: Is a directory; the user that Ray runs as there must read and write the output "
        "folder"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write_there_is_not(jobs: dict[str, Path], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert f"it may not write to {tmp_path}; the user that Ray runs as" in refusal(
            jobs["prune"], tmp_path / "door.json"
        )
    finally:
        tmp_path.chmod(0o700)
