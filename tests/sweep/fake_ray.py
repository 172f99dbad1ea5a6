"""A Ray whose nodes do as they are told: what the wave of a sweep uses of its module, and nothing is started."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

Event = tuple[Any, ...] | Exception | Callable[[], Any]
Script = Callable[[str, int], Sequence[Event]]


class RayError(Exception):
    """Base of what Ray raises."""


class RayTaskError(RayError):
    """What a task has raised; its text goes on for pages."""

    def __init__(self, cause: Exception):
        super().__init__(f"ray::attempt() (pid=1)\n  File 'attempt.py', line 1\n{cause}")
        self.cause = cause


class WorkerCrashedError(RayError):
    """A worker was killed."""


class NodeDiedError(RayError):
    """A node was lost."""


class Stream(deque[Event]):
    """What a task will tell. It is silent when it is empty."""

    __hash__ = object.__hash__

    def __next__(self) -> Event:
        return self.popleft()


def node(name: str, address: str = "10.0.0.1") -> tuple[str, str, str]:
    """What a task tells first, of the node where it is."""
    return "node", name, address


@dataclass
class FakeRay:
    """Gives a job what *script* has for its label and the number of its attempt: what its task tells, or raises.

    An event that can be called is, when it is heard, and what it gives is told.
    """

    script: Script
    alive: list[str] = field(default_factory=lambda: ["aaaaaaaa"])
    begun: list[str] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)
    cancelled: int = 0
    looked: int = 0
    exceptions: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
    )

    def nodes(self) -> list[dict[str, Any]]:
        self.looked += 1
        return [{"Alive": True, "NodeID": name, "Resources": {"CPU": 1.0}} for name in self.alive]

    def remote(self, _: Any) -> Any:
        def options(name: str, **others: Any) -> Any:
            def start(*_: Any) -> Stream:
                self.begun.append(name)
                self.options.append(others)
                return Stream(self.script(name, self.begun.count(name)))

            return SimpleNamespace(remote=start)

        return SimpleNamespace(options=options)

    def wait(
        self, streams: Sequence[Stream], *, num_returns: int = 1, timeout: float
    ) -> tuple[list[Stream], list[Any]]:
        assert streams, "Ray does not wait for nothing: whoever asks for it runs in circles"
        ready = [stream for stream in streams if stream]
        if not ready and timeout:
            time.sleep(min(timeout, 0.02))
        return ready[:num_returns], []

    def get(self, event: Event) -> Any:
        told = event() if callable(event) else event
        if isinstance(told, BaseException):
            raise told
        return told

    def cancel(self, _: Stream, *, force: bool) -> None:
        assert force
        self.cancelled += 1
