"""Ray clusters of several nodes on this machine, and recipes for them, of points that take a while."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from export_pipeline import sweep as sweeping
from tests import builds
from tests.sweep.material import Captured

CLUSTER = "EXPORT_PIPELINE_CLUSTER_TESTS"
STARTS_NODES = "SKIPPED: starts nodes of Ray, for minutes: make clustertest"
NODE_SECONDS = 300.0  # most that a node may take to come: it loads Python several times
TEST_SECONDS = 1500.0  # most that a test of a cluster may take on a busy machine


def skipped(installed: bool, starts_nodes: bool, environment: Mapping[str, str] = os.environ) -> str:
    """Why a test of a cluster is skipped; empty where it is not.

    Who asks for these tests is told of what is missing by tests that fail.
    """
    if environment.get(CLUSTER):
        return ""
    if starts_nodes:
        return STARTS_NODES
    return "" if installed else "SKIPPED: not installed; the extra [ray] brings it"


def needs(library: str, starts_nodes: bool = False) -> pytest.MarkDecorator:
    """Skip a test where *library* is not installed, unless the tests of clusters were asked for."""
    why = skipped(importlib.util.find_spec(library) is not None, starts_nodes)
    return pytest.mark.skipif(bool(why), reason=why)


needs_ray = needs("ray")
needs_cluster = needs("ray", starts_nodes=True)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let the block, of the main thread, take so long at most."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"it has taken more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


EVERY = 5  # steps from one checkpoint to the next
STEPS = 80
RECIPE = """
name = "tiny"
[model]
alpha = 0.3
margin = 16
[train]
warm_start = "{checkpoint}"
style = "builtin"
vgg_weights = "{vgg}"
steps = {steps}
crop = 32
style_size = 64
batch_size = 1
learning_rate = 1e-5
checkpoint_every = {every}
[export]
height = 32
width = 32
targets = ["onnx-fp32"]
[verify]
images = 1
"""
STORE = 80_000_000


def write_recipe(folder: Path, vgg: Path, steps: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "tiny.toml"
    checkpoint = builds.COMMITTED / "checkpoint.safetensors"
    path.write_text(RECIPE.format(checkpoint=checkpoint, vgg=vgg, steps=steps, every=EVERY))
    return path


def captured(recipe: Path, out: Path, *settings: str) -> Captured:
    """The jobs of a sweep, none of which has been run."""
    jobs = Captured()
    sweeping.sweep(recipe, settings, out, engine=jobs)
    return jobs


@dataclass
class Nodes:
    """A cluster whose head has no processors: the sweep is joined there, and its nodes can be killed."""

    cluster: Any
    alive: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self, package: Path = builds.ROOT) -> str:
        """Start a node of one processor that has the package in *package*; gives what its name begins with."""
        about = {"num_cpus": 1, "object_store_memory": STORE, "env_vars": {"PYTHONPATH": str(package)}}
        node = self.cluster.add_node(wait=False, **about)
        self.cluster._wait_for_node(node, timeout=NODE_SECONDS)
        name = node.node_id[:6]
        self.alive[name] = node
        return name

    def kill(self, name: str) -> None:
        """End the raylet of a node with SIGKILL; what it has started must end by itself."""
        raylet = self.alive.pop(name).all_processes["raylet"][0].process
        os.kill(raylet.pid, signal.SIGKILL)
        raylet.wait()  # its workers look whether there is such a process, and what nobody has waited for is one

    def remove(self) -> None:
        for node in [*self.cluster.worker_nodes]:
            self.cluster.remove_node(node, allow_graceful=False)
        self.alive.clear()


def on_node(line: str) -> tuple[str, str] | None:
    """The point that *line* says to be at work, and the node where it is."""
    found = re.fullmatch(r"(.*): on node \S+ \((\w+)\)", line)
    return (found[1], found[2]) if found else None


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint anywhere below *folder*."""
    return max((int(path.stem[5:]) for path in folder.glob("**/step-*.safetensors")), default=0)
