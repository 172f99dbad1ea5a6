"""What a long command tells while it works, on stderr: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from export_pipeline.base.progress import Progress

PLAIN_EVERY = 15.0  # seconds between two plain lines
LIVE_EVERY = 0.2


class Console:
    """Listener of a pipeline, or of other long work."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._next = 0.0
        self._open = False

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def say(self, line: str) -> None:
        """One line of what happens now."""
        self._end()
        print(line, file=sys.stderr, flush=True)

    def passing(self, line: str) -> None:
        """What is done just now, and is of no interest once it is: shown where it takes long, as often as of use."""
        now = time.monotonic()
        if not self._next:  # what is soon over needs no line
            self._next = now + (LIVE_EVERY if self._live else PLAIN_EVERY)
        if now < self._next:
            return
        self._next = now + (LIVE_EVERY if self._live else PLAIN_EVERY)
        if self._live:
            sys.stderr.write(f"\r\x1b[K  {line}")
            sys.stderr.flush()
            self._open = True
        else:
            print(f"  {line}", file=sys.stderr, flush=True)

    def step(self, progress: Progress) -> None:
        """The state of a training, as often as the reader can use it."""
        rate = f"{progress.images_per_second:.2f} images/s"
        self.progress(progress.stage, progress.step, progress.steps, progress.losses, rate)

    def progress(self, what: str, step: int, steps: int, losses: Mapping[str, float], rate: str = "") -> None:
        """Step *step* of *steps* of *what*, as often as the reader can use it; the last one always."""
        now = time.monotonic()
        last = step == steps
        if now < self._next and not last:
            return
        self._next = now + (LIVE_EVERY if self._live else PLAIN_EVERY)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        line = f"  {what} {step}/{steps}  {shown}  {rate}".rstrip()
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._open = True
            if last:
                self._end()
        else:
            print(line, file=sys.stderr, flush=True)

    def _end(self) -> None:
        if self._open:
            print(file=sys.stderr)
            self._open = False
