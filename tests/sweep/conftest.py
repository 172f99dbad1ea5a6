"""A Ray cluster for the tests of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sweep.nodes import NODE_SECONDS, STORE, TEST_SECONDS, Nodes, within

HEAD_SECONDS = "RAY_gcs_server_port_wait_time_s"  # that the head may take, and who connects to it


@pytest.fixture
def bounded() -> Iterator[None]:
    """The test fails where it takes too long."""
    with within(TEST_SECONDS):
        yield


@pytest.fixture(scope="module")
def head() -> Iterator[Nodes]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ[HEAD_SECONDS] = str(int(NODE_SECONDS))
    from ray.cluster_utils import Cluster

    # Losses are seen soon: a killed node refuses to be asked four times in two seconds. One that is only slow, as all
    # are on a busy machine, has a minute for each answer. Workers are not the least important processes here.
    quick = {
        "worker_niceness": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 4,
        "health_check_initial_delay_ms": 500,
        "health_check_timeout_ms": 60_000,
        "worker_register_timeout_seconds": int(NODE_SECONDS),
        "gcs_rpc_server_connect_timeout_s": int(NODE_SECONDS),
        "gcs_rpc_server_reconnect_timeout_s": int(NODE_SECONDS),
    }
    about = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False, "_system_config": quick}
    with within(TEST_SECONDS):
        cluster = Cluster(initialize_head=True, head_node_args=about)
    yield Nodes(cluster)
    cluster.shutdown()


@pytest.fixture
def nodes(head: Nodes) -> Iterator[Nodes]:
    yield head
    head.remove()
