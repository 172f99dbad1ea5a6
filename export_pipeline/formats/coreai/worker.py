"""The worker: ``python -m export_pipeline.formats.coreai.worker THREADS``, see ``process.py``.

It takes messages on standard input and answers each on standard output: ``write``, ``read``, ``open`` and ``run``.
What Apple's library prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from export_pipeline.formats.coreai import library, wire


class Worker:
    """The state between messages: the model that is open."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack
        self._function: Any = None

    async def answer(self, message: dict[str, Any], arrays: list[np.ndarray]) -> wire.Message:
        """What *message* asks for."""
        made: wire.Message = await getattr(self, f"_{message['do']}")(message, arrays)
        return made

    async def _write(self, message: dict[str, Any], arrays: list[np.ndarray]) -> wire.Message:
        from export_pipeline.formats.coreai import lower

        compute = message.get("compute", lower.COMPUTE)
        lower.write(message["network"], arrays, message["target"], Path(message["path"]), compute)
        return {}, []

    async def _read(self, message: dict[str, Any], arrays: list[np.ndarray]) -> wire.Message:
        from export_pipeline.formats.coreai import reader

        return reader.read(Path(message["path"]))

    async def _open(self, message: dict[str, Any], arrays: list[np.ndarray]) -> wire.Message:
        from coreai.authoring import AIModelAsset

        model = await self._stack.enter_async_context(AIModelAsset.load(message["path"]).executable())
        self._function = model.load_function(message["function"])
        return {"version": library.version()}, []

    async def _run(self, message: dict[str, Any], arrays: list[np.ndarray]) -> wire.Message:
        from coreai.runtime import NDArray

        given = {name: NDArray(array) for name, array in zip(message["inputs"], arrays, strict=True)}
        made = await self._function(given)
        return {}, [np.array(made[name].numpy()) for name in message["outputs"]]


async def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every message until there is none."""
    import coreai.authoring  # noqa: F401  before any other part of it, or two parts import each other

    async with contextlib.AsyncExitStack() as stack:
        worker = Worker(stack)
        while (request := wire.receive(requests)) is not None:
            try:
                answer = await worker.answer(*request)
            except Exception as error:  # the library raises its own types, and plain ones
                first = (str(error).strip() or type(error).__name__).splitlines()[:3]
                answer = {"error": f"{type(error).__name__}: {' '.join(line.strip() for line in first)}"}, []
            wire.send(answers, *answer)


def main() -> None:
    """Serve standard input."""
    answers, requests = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threads = int(sys.argv[1])
    if threads and hasattr(os, "sched_setaffinity"):
        # The runtime takes no number of threads; it has as many as there are processors for it.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    asyncio.run(serve(requests, answers))


if __name__ == "__main__":
    main()
