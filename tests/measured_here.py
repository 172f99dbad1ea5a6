"""Measurements of reports in the process of the test, where they are not what it is about.

A report measures in fresh processes, which load TensorFlow for seconds each. That they do is shown by the tests of
``report``, of the verb ``benchmark`` and of the README's way to a bundle. A build that is about something else has the
same measurements made by the same code here: real runs of real files, on as many threads as this process has.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from export_pipeline.report import worker


class Here:
    """In place of :class:`subprocess.Popen`: does the job that *command* names, as the worker does."""

    def __init__(self, command: Sequence[str], **_: Any) -> None:
        *_, module, text = command
        assert module == worker.__name__
        # TensorFlow has started here, and keeps its threads.
        job = {**json.loads(text), "threads": None}
        lines: list[str] = []
        answer = {"latency": worker.latency, "memory": worker.memory}[job["task"]](
            job, lambda done: lines.append(json.dumps(done))
        )
        self.stdout = [*lines, json.dumps(answer)]

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self) -> int:
        """It has ended well."""
        return 0


SUBPROCESS = SimpleNamespace(Popen=Here, PIPE=subprocess.PIPE)


@pytest.fixture(scope="module")
def measured_here() -> Iterator[None]:
    """Reports of the module's tests measure in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "subprocess", SUBPROCESS)
        yield
