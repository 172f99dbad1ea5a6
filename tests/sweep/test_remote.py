"""What a node does with a job, here without a node: it tells why it cannot, in one line, and is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from export_pipeline.sweep.door import DOOR, write_door
from export_pipeline.sweep.jobs import REFUSED, Job
from export_pipeline.sweep.processes import JOB
from export_pipeline.sweep.remote import order, task
from tests import builds
from tests.sweep.packages import another_version, no_package


@pytest.fixture(autouse=True)
def ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the task asks of Ray where it runs."""
    context = SimpleNamespace(get_node_id=lambda: "aaaaaaaa")
    about = {"get_runtime_context": lambda: context, "util": SimpleNamespace(get_node_ip_address=lambda: "10.0.0.1")}
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(**about))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(kind="train", label="it", recipe={"sed": 1}, relative_to=tmp_path, folder=tmp_path / "work" / "train-1")
    made.folder.mkdir(parents=True)
    (made.folder / JOB).write_text(made.model_dump_json())
    write_door(made.folder.parent / DOOR)
    return made


def told(job: Job, package: Path, url: str | None = None) -> list[tuple[Any, ...]]:
    """What a node tells that has the package in *package*."""
    words, files, log, environment, _ = order(job, job.folder.parent / DOOR, url, 1, here=False)
    first, *rest = task()(words, files, log, {**environment, "PYTHONPATH": ""}, str(package))
    assert first == ("node", "aaaaaaaa", "10.0.0.1")
    return rest


def test_a_node_with_another_version_is_refused_by_name(job: Job, tmp_path: Path) -> None:
    (_, why), end = told(job, another_version(tmp_path / "other"))
    assert why.startswith(
        "export-pipeline is 0.0.1 there and 0.1.0 here; export_pipeline has other contents there in 1 "
    )
    assert end == ("end", REFUSED)


def test_a_node_whose_package_cannot_be_imported_says_why(job: Job, tmp_path: Path) -> None:
    assert told(job, no_package(tmp_path / "none")) == [
        ("line", "ImportError: half of it is not installed"),
        ("end", 1),
    ]


def test_a_node_of_this_version_is_let_in_and_refuses_a_recipe_that_is_wrong(job: Job, tmp_path: Path) -> None:
    """By way of a store: the node need not see the folder. What the recipe names is looked at by the door, too."""
    *_, (_, why), end = told(job, builds.ROOT, (tmp_path / "store").as_uri())
    assert "unknown key 'sed'" in why
    assert end == ("end", REFUSED)


def test_a_node_that_does_not_see_the_folder_is_refused(job: Job) -> None:
    gone = job.model_copy(update={"folder": job.folder.parent / "gone"})
    assert told(gone, builds.ROOT) == [
        ("line", f"it does not see {gone.folder}; the output folder must be one that all nodes share"),
        ("end", REFUSED),
    ]


def test_a_node_that_cannot_write_there_is_refused_in_one_line(job: Job) -> None:
    log = job.folder / "log.txt"
    log.mkdir()
    assert told(job, builds.ROOT) == [("line", f"it cannot use {log}: Is a directory"), ("end", REFUSED)]
