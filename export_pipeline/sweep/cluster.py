"""The jobs of a sweep on the nodes of a Ray cluster: ``sweep --engine ray``.

Ray brings a job to a node that has room for it, and tells when that is lost. There the job runs as it does here, in a
process of its own, in a folder that all nodes share: whoever runs it again goes on from the last checkpoint there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export_pipeline.base.cores import cores
from export_pipeline.errors import UsageError
from export_pipeline.sweep.address import check_address
from export_pipeline.sweep.jobs import Job
from export_pipeline.sweep.processes import Failure, RunJobs
from export_pipeline.sweep.store import Store
from export_pipeline.sweep.wave import PATIENCE_SECONDS, Wave, first_line

NEEDS = (
    "--engine ray needs Ray, which is not installed; pip install 'ray>=2.49', or the extra [ray], brings it. "
    "Without --engine, the points run in processes of this machine."
)
STORE_BYTES = 80_000_000  # little more than the least that Ray takes: what goes through it are lines of text
RETRIES = 3


class RayCluster:
    """An engine of sweeps: a Ray cluster, which is joined when there is something to run, and then left.

    Args:
        address: ``auto`` for the cluster that this machine is a node of, or the ``host:port`` of its head; ``None``
            starts a Ray of this machine alone.
        retries: how often a job is begun again whose node or worker was lost.
        store: URL of a folder where the nodes leave what they make; ``None`` where all see that of the sweep.
        patience: seconds without any node that could run a job before those that are left are given up.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        retries: int = RETRIES,
        store: str | None = None,
        patience: float = PATIENCE_SECONDS,
    ):
        if retries < 0:
            raise UsageError(f"retries is {retries}; it must be 0 or more")
        self.address, self.retries, self.patience = address, retries, patience
        self.url, self.store = store, Store(store) if store else None
        self.heard_of = set[str]()  # nodes that were given a job
        self.refused: dict[str, str] = {}  # those of them that may not have one, and why
        self._ray: Any = None
        self._told = contextlib.ExitStack()

    def __enter__(self) -> RunJobs:
        # Ray prints what it hears of lost nodes. Standard output is for the result.
        self._told.enter_context(contextlib.redirect_stdout(sys.stderr))
        return self.run

    def __exit__(self, *_: object) -> None:
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None
        self._told.close()

    def run(self, jobs: Sequence[Job], parallel: int | None, say: Callable[[str], None]) -> dict[Path, Failure]:
        """Run *jobs* on the cluster: see :class:`RunJobs`.

        Raises:
            UsageError: Ray is missing, there is no such cluster, none of its nodes may run a job, or the store cannot
                be written.
            StoreError: what the jobs begin with cannot be brought there.
        """
        waiting = [job for job in jobs if not job.finished]
        if not waiting:
            return {}
        if self._ray is None:
            if self.store:
                self.store.check()
            self._ray = connected(self.address)
        if self.store:
            for folder in {job.after for job in waiting if job.after}:
                self.store.leave(folder.name, folder)
        wave = Wave(self, self._ray, waiting, parallel, say)
        try:
            return wave.run()
        finally:
            wave.cancel()


def connected(address: str | None) -> Any:
    """Ray's module, connected to the cluster at *address*. It tells its makers nothing, and serves no page.

    Raises:
        UsageError: Ray is missing, or there is no such cluster, or it is one of other versions.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when it is imported, and by what it starts
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS) from error
    where = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    if where not in (None, "auto"):
        check_address(where)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    alone: dict[str, Any] = {"num_cpus": cores(), "num_gpus": 0, "include_dashboard": False}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            # Its workers are as important as processes of our own would be, not, as Ray has it, the least of all.
            ray.init(
                address="local",
                object_store_memory=STORE_BYTES,
                _system_config={"worker_niceness": 0},
                **alone,
                **quiet,
            )
    except Exception as error:  # a plain one where a busy machine lets no node come up in time
        raise UsageError(_not_joined(address, error)) from error
    return ray


def _not_joined(address: str | None, error: Exception) -> str:
    if address is None:
        return f"Ray could not be started on this machine: {first_line(error)}. Without --engine, it is not needed."
    why = "no Ray runs on this machine" if address == "auto" else first_line(error)
    return (
        f"no Ray cluster could be joined at {address}: {why}.\n'ray start --address=HEAD:PORT' makes this machine a "
        "node of one; without --address, a Ray of this machine alone is started."
    )
