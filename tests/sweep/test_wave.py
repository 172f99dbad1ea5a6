"""What becomes of jobs on a cluster: refused, failed, lost, brought here; and that nothing waits for one of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.errors import PipelineError, StoreError, UsageError
from export_pipeline.sweep.cluster import RayCluster
from export_pipeline.sweep.jobs import CHECK_FAILED, REFUSED, STORE_LOST, Job
from export_pipeline.sweep.processes import Failure
from export_pipeline.sweep.wave import Wave
from tests.sweep.fake_ray import Event, FakeRay, NodeDiedError, RayTaskError, Script, WorkerCrashedError, node

HERE = node("aaaaaaaa")
PLACE = "node 10.0.0.1 (aaaaaa)"
ENDED_WELL: tuple[Event, ...] = (HERE, ("end", 0))


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    return [
        Job(kind="train", label=label, recipe={}, relative_to=tmp_path, folder=tmp_path / f"train-{label}")
        for label in ("a", "b")
    ]


def finish(job: Job) -> None:
    (job.folder / "done").touch()


def wave(ray: FakeRay, jobs: Sequence[Job], say: Callable[[str], None], store: Any = None, **about: Any) -> Wave:
    cluster = RayCluster(**about)
    cluster.store = store
    return Wave(cluster, ray, jobs, None, say)


def only(job: Job, script: Script, **about: Any) -> tuple[Failure | None, FakeRay, list[str]]:
    """What became of one job, by which Ray, and what was told."""
    ray, told = FakeRay(script), list[str]()
    return wave(ray, [job], told.append, **about).run().get(job.folder), ray, told


@pytest.mark.parametrize(
    ("code", "how"), [(PipelineError.exit_code, "refused"), (CHECK_FAILED, "failed"), (3, "broken")]
)
def test_what_would_end_the_same_again_is_begun_once_and_told_with_its_message(
    code: int, how: Any, jobs: list[Job]
) -> None:
    found, ray, told = only(jobs[0], lambda *_: (HERE, ("line", "bits is 9; it must be 1 to 8"), ("end", code)))
    assert found == Failure("bits is 9; it must be 1 to 8", how)
    assert ray.begun == ["a"]
    assert told[-1] == f"[1/1] a: {how} after 0 s"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (WorkerCrashedError("pages"), "its worker was killed"),
        (NodeDiedError("pages"), "its node was lost"),
        (("end", -9), "its process was killed"),
    ],
)
def test_what_is_lost_is_begun_again_so_often_and_then_told_as_lost(end: Event, why: str, jobs: list[Job]) -> None:
    found, ray, told = only(jobs[0], lambda *_: (HERE, end), retries=2)
    reason = f"attempt 3 of 3 ended on {PLACE}: {why}. The same command goes on with it"
    assert found == Failure(reason, "lost")
    assert ray.begun == ["a"] * 3
    assert f"a: lost on {PLACE}: {why}; attempt 2 of 3" in told
    assert told[-1] == "[1/1] a: lost after 0 s"


def test_who_was_lost_once_may_end_well(jobs: list[Job]) -> None:
    def script(_: str, attempt: int) -> Sequence[Event]:
        return (HERE, WorkerCrashedError("")) if attempt == 1 else (HERE, lambda: finish(jobs[0]) or ("end", 0))

    found, ray, told = only(jobs[0], script)
    assert found is None
    assert ray.begun == ["a", "a"]
    assert told[-1] == "[1/1] a: done after 0 s"


def test_a_lost_store_is_a_loss_and_told(jobs: list[Job]) -> None:
    found, ray, _ = only(
        jobs[0], lambda *_: (HERE, ("line", "--store x cannot be used"), ("end", STORE_LOST)), retries=1
    )
    assert found is not None
    assert found.how == "lost"
    assert "--store x cannot be used" in found.reason
    assert len(ray.begun) == 2


def test_an_error_of_the_task_is_told_without_the_traceback_of_ray(jobs: list[Job]) -> None:
    found, ray, _ = only(jobs[0], lambda *_: (HERE, RayTaskError(ValueError("a strange word\nand more"))))
    assert found == Failure(f"it could not be run on {PLACE}: ValueError: a strange word", "broken")
    assert len(ray.begun) == 1


def test_a_refused_node_is_named_and_when_all_are_the_sweep_ends(jobs: list[Job]) -> None:
    ray, told = FakeRay(lambda *_: (HERE, ("line", "Python is 3.9 there"), ("end", REFUSED))), list[str]()
    with pytest.raises(UsageError, match=r"no node of the cluster may run a point: node .* is refused: Python is 3\.9"):
        wave(ray, jobs, told.append).run()
    assert f"{PLACE} is refused: Python is 3.9 there" in told


def test_the_job_of_a_refused_node_goes_to_another_as_the_same_attempt(jobs: list[Job]) -> None:
    def script(_: str, attempt: int) -> Sequence[Event]:
        if attempt == 1:
            return node("bbbbbbbb"), ("line", "Python is 3.9 there"), ("end", REFUSED)
        return HERE, lambda: finish(jobs[0]) or ("end", 0)

    ray = FakeRay(script, alive=["aaaaaaaa", "bbbbbbbb"])
    assert wave(ray, jobs[:1], lambda _: None, retries=0).run() == {}
    assert ray.options[1]["label_selector"] == {"ray.io/node-id": "!in(bbbbbbbb)"}


def test_a_good_node_that_is_lost_beside_a_refused_one_is_waited_for(jobs: list[Job]) -> None:
    def script(_: str, attempt: int) -> Sequence[Event]:
        if attempt == 1:
            return node("bbbbbbbb"), ("line", "other version"), ("end", REFUSED)
        return (HERE, lambda: ray.alive.remove("aaaaaaaa") or NodeDiedError("")) if attempt == 2 else ()

    ray, told = FakeRay(script, alive=["aaaaaaaa", "bbbbbbbb"]), list[str]()
    found = wave(ray, jobs[:1], told.append, patience=0.1).run()
    assert found[jobs[0].folder].how == "lost"
    assert "the cluster has lost its last node" in found[jobs[0].folder].reason
    assert "the cluster has no node left that could run a point; waiting 0 s for one" in told


def test_a_cluster_without_nodes_is_waited_for_without_running_in_circles(jobs: list[Job]) -> None:
    ray = FakeRay(lambda *_: (), alive=[])
    begun = time.process_time()
    found = wave(ray, jobs, lambda _: None, patience=1).run()
    assert {failure.how for failure in found.values()} == {"lost"}
    assert ray.looked < 10
    assert time.process_time() - begun < 0.5
    assert ray.cancelled == len(ray.begun)


class SlowStore:
    """A store that gives a folder once it may."""

    def __init__(self, may: threading.Event) -> None:
        self._may = may
        self.asked = threading.Event()

    def fetch(self, _: str, folder: Path) -> None:
        self.asked.set()
        assert self._may.wait(20)
        (folder / "done").touch()


def test_others_are_heard_while_a_result_is_on_its_way_here(jobs: list[Job]) -> None:
    heard, told = threading.Event(), list[str]()

    def say(line: str) -> None:
        told.append(line)
        if line == "b: step 2":
            heard.set()

    store = SlowStore(heard)  # gives nothing before the other job was heard
    script = {"a": ENDED_WELL, "b": (HERE, lambda: store.asked.wait(20) and ("line", "step 2"), ("end", 0))}
    assert wave(FakeRay(lambda label, _: script[label]), jobs, say, store).run() == {}
    assert heard.is_set()
    assert sorted(told[-2:], key=lambda line: line[-16:])[0].startswith("[")
    assert all(job.finished for job in jobs)


def test_an_interrupted_sweep_does_not_wait_for_what_is_on_its_way_here(jobs: list[Job]) -> None:
    never = threading.Event()
    store = SlowStore(never)

    def interrupt() -> Event:
        assert store.asked.wait(20)
        raise KeyboardInterrupt

    running = wave(FakeRay(lambda label, _: {"a": ENDED_WELL, "b": (HERE, interrupt)}[label]), jobs, str, store)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        running.run()
    running.cancel()
    assert time.monotonic() - begun < 10
    never.set()


def test_a_result_that_cannot_be_brought_here_is_lost_and_one_that_is_not_there_is_told(jobs: list[Job]) -> None:
    class Store:
        def fetch(self, name: str, _: Path) -> None:
            if name == "train-a":
                raise StoreError("--store x cannot be used: it went away")

    found = wave(FakeRay(lambda *_: ENDED_WELL), jobs, lambda _: None, Store()).run()
    assert found[jobs[0].folder] == Failure(
        f"it ended well on {PLACE}, but --store x cannot be used: it went away", "lost"
    )
    assert found[jobs[1].folder].how == "broken"
    assert "but what it made is not at " in found[jobs[1].folder].reason
