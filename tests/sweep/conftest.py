"""A Ray cluster for the tests of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sweep.nodes import STORE, Nodes


@pytest.fixture(scope="module")
def head() -> Iterator[Nodes]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    # Losses are seen soon, and workers are not the least important processes on the machine.
    quick = {
        "worker_niceness": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 4,
        "health_check_initial_delay_ms": 500,
    }
    about = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False, "_system_config": quick}
    cluster = Cluster(initialize_head=True, head_node_args=about)
    yield Nodes(cluster)
    cluster.shutdown()


@pytest.fixture
def nodes(head: Nodes) -> Iterator[Nodes]:
    yield head
    head.remove()
