"""Sweeps on a real Ray cluster that loses nodes, and its user's patience."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import threading
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from export_pipeline import sweep as sweeping
from export_pipeline.base.files import files_of
from export_pipeline.sweep.cluster import RayCluster
from export_pipeline.sweep.processes import Failure
from tests import builds
from tests.sweep.nodes import (
    EVERY,
    STEPS,
    TEST_SECONDS,
    Nodes,
    captured,
    needs_cluster,
    newest_step,
    on_node,
    within,
    write_recipe,
)

SETTINGS = ["seed=1,2"]
CHECKPOINT_SECONDS = 600.0  # most that a point may take to its third checkpoint
pytestmark = pytest.mark.usefixtures("bounded")


@dataclass
class Murder:
    """Listens to a sweep at *out* and kills the node of the first point, once *work* has its third checkpoint."""

    nodes: Nodes
    out: Path
    work: Path
    told: list[str] = field(default_factory=list)
    victim: str = ""
    step: int = 0

    def __call__(self, line: str) -> None:
        self.told.append(line)
        if not self.victim and (found := on_node(line)):
            self.victim, node = found
            threading.Thread(target=self._kill, args=[node], daemon=True).start()

    def _kill(self, node: str) -> None:
        jobs = [json.loads(path.read_text()) for path in self.out.glob(".work/*/job.json")]
        (folder,) = (self.work / Path(job["folder"]).name for job in jobs if job["label"] == self.victim)
        deadline = time.monotonic() + CHECKPOINT_SECONDS
        while newest_step(folder) < 3 * EVERY:
            if time.monotonic() > deadline:
                return  # without a victim the test fails
            time.sleep(0.02)
        self.nodes.kill(node)
        time.sleep(3)  # for its worker to end, and the process of the point with it
        self.step = newest_step(folder)

    def first_step_of(self, attempt: int) -> int:
        """The first step that was told of in that attempt at the point which was killed."""
        begun = [at for at, line in enumerate(self.told) if line.startswith(f"{self.victim}: on node")]
        steps = (re.match(rf"{re.escape(self.victim)}: train (\d+)/", line) for line in self.told[begun[attempt - 1] :])
        return next(int(found[1]) for found in steps if found)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vgg_file: Path, measured_here: None) -> tuple[Path, Path]:
    """A recipe, and its sweep by processes of this machine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    recipe, out = write_recipe(folder, vgg_file, STEPS), folder / "out"
    with within(TEST_SECONDS):
        sweeping.sweep(recipe, SETTINGS, out)
    return recipe, out


def contents(path: Path) -> dict[str, bytes]:
    """The bytes of a file; of a network that Keras has saved, without the file where it notes the date."""
    if path.suffix != ".keras":
        return {"": path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}


@needs_cluster
@pytest.mark.parametrize("by", ["shared folder", "store"])
def test_a_node_that_is_killed_costs_one_interval_and_no_byte(
    by: str, undisturbed: tuple[Path, Path], nodes: Nodes, tmp_path: Path, measured_here: None
) -> None:
    recipe, here = undisturbed
    out, store = tmp_path / "out", tmp_path / "store"
    nodes.add()
    nodes.add()
    listener = Murder(nodes, out, store if by == "store" else out / ".work")
    engine = RayCluster(nodes.address, store=store.as_uri() if by == "store" else None)
    found = sweeping.sweep(recipe, SETTINGS, out, engine=engine, say=listener)
    told = "\n".join(listener.told)
    assert not found.without_result, told
    assert f"{listener.victim}: lost on node" in told
    assert "attempt 2 of 4" in told
    assert 3 * EVERY <= listener.step < STEPS
    assert listener.first_step_of(2) == listener.step + 1, told
    assert (out / "sweep.json").read_bytes() == (here / "sweep.json").read_bytes()
    folders = [path.parent.relative_to(here) for path in here.glob(".work/point-*/result.json")]
    assert len(folders) == 2
    for folder in folders:
        made = [path.relative_to(here) for path in files_of(here / folder) if path.name not in ("log.txt", "job.json")]
        assert len(made) > 3
        for path in made:
            assert contents(out / path) == contents(here / path), path


class Killer(list[str]):
    """Listens to a sweep and kills each node where a point begins."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes, self.killed = nodes, 0

    def __call__(self, line: str) -> None:
        self.append(line)
        if found := on_node(line):
            self._nodes.kill(found[1])
            self.killed += 1


@needs_cluster
def test_what_is_lost_too_often_is_told_as_lost(nodes: Nodes, tmp_path: Path, vgg_file: Path) -> None:
    jobs = captured(write_recipe(tmp_path, vgg_file, STEPS), tmp_path / "out", "seed=1")
    for _ in range(3):
        nodes.add()
    told = Killer(nodes)
    with RayCluster(nodes.address, retries=1) as run:
        (failure,) = run(jobs, None, told).values()
    assert failure.how == "lost"
    assert re.fullmatch(
        r"attempt 2 of 2 ended on node \S+ \(\w+\): its (worker|node) was \w+\. The same command goes on with it",
        failure.reason,
    )
    assert told.killed == 2
    assert told[-1].startswith("[1/1] seed=1: lost after")


@needs_cluster
def test_a_cluster_without_nodes_is_waited_for_and_then_given_up(
    nodes: Nodes, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = captured(write_recipe(tmp_path, vgg_file, STEPS), tmp_path / "out", "seed=1,2,3")
    nodes.add()
    told = Killer(nodes)
    with RayCluster(nodes.address, patience=2) as run:
        failures = run(jobs, None, told)
    assert len(failures) == 3
    reason = "the cluster has lost its last node; with nodes again, the same command goes on from the last checkpoint"
    assert set(failures.values()) == {Failure(reason, "lost")}
    assert told.killed == 1
    assert "the cluster has no node left that could run a point; waiting 2 s for one" in told
    assert not capsys.readouterr().out  # where the result goes


@needs_cluster
def test_an_interrupted_sweep_leaves_nothing_running(tmp_path: Path, vgg_file: Path) -> None:
    recipe, out = write_recipe(tmp_path, vgg_file, 400), tmp_path / "out"
    process = builds.start("sweep", recipe, "--set", "seed=1", "-o", out, "--engine", "ray")
    deadline = time.monotonic() + CHECKPOINT_SECONDS
    while newest_step(out) < EVERY:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert processes_of(out), "those that are to be gone are looked for in a way that finds them"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "interrupted; the same command goes on where it was" in told
    assert "Traceback" not in told
    assert not processes_of(out)


def processes_of(out: Path) -> list[Path]:
    """The processes of this machine that run a job of the sweep at *out*."""
    paths = Path("/proc").glob("[0-9]*/cmdline")
    return [path for path in paths if f"{out}/.work" in words_of(path)]


def words_of(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_bytes().decode(errors="replace")
    return ""
