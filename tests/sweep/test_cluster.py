"""Ray clusters that cannot be had, and nodes that may not run a point."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from export_pipeline.cli import main
from export_pipeline.errors import UsageError
from export_pipeline.sweep.cluster import RayCluster, connected
from export_pipeline.sweep.remote import threads_of
from tests.sweep.nodes import CLUSTER, Nodes, captured, needs_cluster, needs_ray, skipped, write_recipe
from tests.sweep.packages import another_version, no_package

pytestmark = pytest.mark.usefixtures("bounded")


@needs_cluster
def test_a_node_with_another_version_is_refused(nodes: Nodes, tmp_path: Path, vgg_file: Path) -> None:
    jobs = captured(write_recipe(tmp_path, vgg_file, 1), tmp_path / "out", "report.runs=30,31")
    nodes.add(another_version(tmp_path / "other"))
    nodes.add(no_package(tmp_path / "none"))
    engine, told = RayCluster(nodes.address), list[str]()
    with engine as run, pytest.raises(UsageError, match="no node of the cluster may run a point: ") as caught:
        run(jobs, None, told.append)
    for why in (
        "is refused: export-pipeline is 0.0.1 there and 0.1.0 here; export_pipeline has other contents there in 1 ",
        "half of it is not installed",
    ):
        assert why in str(caught.value)
        assert any(why in line for line in told)
    nodes.add()
    with engine as run:
        assert run(jobs, None, told.append) == {}
    assert all(job.finished for job in jobs)


@needs_ray
def test_a_cluster_that_is_not_there_is_named(
    tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, vgg_file, 1)
    command = ["sweep", str(recipe), "--set", "seed=1", "-o", str(tmp_path / "out"), "--engine", "ray"]
    assert main([*command, "--address", "ray://there:10001"]) == 2
    assert "the address is ray://there:10001; it must be auto, or the host:port" in capsys.readouterr().err
    assert main([*command, "--address", "a..b:6379"]) == 2
    assert "no Ray cluster at a..b:6379: no machine is called a..b" in capsys.readouterr().err


@needs_ray
def test_a_store_that_cannot_be_written_is_named_before_ray_is_asked(
    tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, vgg_file, 1)
    options = ["--engine", "ray", "--address", "a..b:6379", "--store", (recipe / "folder").as_uri()]
    assert main(["sweep", str(recipe), "--set", "seed=1", "-o", str(tmp_path / "out"), *options]) == 2
    assert "/folder cannot be written: NotADirectoryError" in capsys.readouterr().err


def test_without_ray_it_says_what_to_install(
    tmp_path: Path, vgg_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    recipe = write_recipe(tmp_path, vgg_file, 1)
    assert main(["sweep", str(recipe), "--set", "seed=1", "-o", str(tmp_path / "out"), "--engine", "ray"]) == 2
    assert "pip install 'ray>=2.49', or the extra [ray], brings it" in capsys.readouterr().err


def test_a_ray_that_does_not_start_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen because")  # Ray's own class

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with pytest.raises(
        UsageError, match=r"^Ray could not be started .*: The current node timed out during startup\. W"
    ):
        connected(None)


def test_what_is_finished_needs_no_ray(tmp_path: Path, vgg_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    jobs = captured(write_recipe(tmp_path, vgg_file, 1), tmp_path / "out", "report.runs=30,31")
    for job in jobs:
        (job.folder / "done").parent.mkdir(parents=True)
        (job.folder / "done").touch()
    with RayCluster() as run:
        assert run(jobs, None, print) == {}


@pytest.mark.parametrize("option", ["--address=auto", "--retries=1"])
def test_options_of_ray_are_refused_without_it(
    option: str, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, vgg_file, 1)
    assert main(["sweep", str(recipe), "--set", "seed=1", "-o", str(tmp_path / "out"), option]) == 2
    assert f"{option.split('=')[0]} is for --engine ray" in capsys.readouterr().err


def test_a_fresh_start_is_refused_where_it_cannot_be_made(
    tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = write_recipe(tmp_path, vgg_file, 1), tmp_path / "out"
    options = ["--engine", "ray", "--store", "memory://points", "--fresh"]
    assert main(["sweep", str(recipe), "--set", "seed=1", "-o", str(out), *options]) == 2
    assert "--fresh empties no folder at --store" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("parallel", "processors", "threads"),
    [(None, [8, 8], 1), (2, [8, 8], 8), (3, [8, 8], 4), (1, [4, 2], 4), (100, [8, 8], 1), (2, [], 1)],
)
def test_few_jobs_have_many_threads(parallel: int | None, processors: list[int], threads: int) -> None:
    assert threads_of(parallel, processors) == threads


def test_what_is_missing_fails_where_the_tests_of_clusters_are_asked_for() -> None:
    assert skipped(False, starts_nodes=True, environment={CLUSTER: "1"}) == ""
    assert skipped(False, starts_nodes=False, environment={CLUSTER: "1"}) == ""
    assert "make clustertest" in skipped(True, starts_nodes=True, environment={})
    assert "the extra [ray] brings it" in skipped(False, starts_nodes=False, environment={})
    assert skipped(True, starts_nodes=False, environment={}) == ""
