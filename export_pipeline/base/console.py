"""What a long command tells while it works, on stderr: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

from export_pipeline.base.progress import Passing, Progress

PLAIN_EVERY = 15.0  # seconds between two plain lines
LIVE_EVERY = 0.2


def duration(seconds: float) -> str:
    """A time in words: ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class Console:
    """Listener of a pipeline, or of other long work; a *quiet* one says nothing.

    Args:
        quiet: whether to say nothing.
        clock: gives seconds.
    """

    def __init__(self, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._clock = quiet, clock
        self._live = sys.stderr.isatty()
        self._next = 0.0
        self._since: tuple[str, int, float] | None = None
        self._open = ""  # "kept" or "passing": the live line that the cursor stands on

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def say(self, line: str) -> None:
        """One line of what happens now, or a :meth:`passing` one."""
        if isinstance(line, Passing):
            self.passing(line)
            return
        if self._quiet:
            return
        self._end()
        self._next = 0.0
        print(line, file=sys.stderr, flush=True)

    def passing(self, line: str) -> None:
        """What is done just now, and is of no interest once it is: shown where it takes long, as often as of use."""
        now = self._clock()
        if self._quiet:
            return
        if not self._next:  # what is soon over needs no line
            self._next = now + (LIVE_EVERY if self._live else PLAIN_EVERY)
        if now < self._next:
            return
        self._next = now + (LIVE_EVERY if self._live else PLAIN_EVERY)
        if self._live:
            sys.stderr.write(f"\r\x1b[K  {line}")
            sys.stderr.flush()
            self._open = "passing"
        else:
            print(f"  {line}", file=sys.stderr, flush=True)

    def step(self, progress: Progress) -> None:
        """The state of a training, as often as the reader can use it."""
        rate = f"{progress.images_per_second:.2f} images/s"
        self.progress(progress.stage, progress.step, progress.steps, progress.losses, rate)

    def progress(self, what: str, step: int, steps: int, losses: Mapping[str, float], rate: str = "") -> None:
        """Step *step* of *steps* of *what*, as often as the reader can use it; the last one always.

        The time that is left is told once a step has been timed: by the mean of those that were.
        """
        now = self._clock()
        last = step == steps
        if self._since is None or self._since[0] != what or self._since[1] > step:
            self._since = what, step, now
        if self._quiet or (now < self._next and not last):
            return
        self._next = now + (LIVE_EVERY if self._live else PLAIN_EVERY)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        line = f"  {what} {step}/{steps}  {shown}  {rate}  {self._left(step, steps, now)}".rstrip()
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._open = "kept"
            if last:
                self._end()
        else:
            print(line, file=sys.stderr, flush=True)

    def _left(self, step: int, steps: int, now: float) -> str:
        assert self._since is not None
        _, first, began = self._since
        if step <= first or step >= steps:
            return ""
        return f"ETA {duration((now - began) / (step - first) * (steps - step))}"

    def _end(self) -> None:
        if self._open:
            sys.stderr.write("\n" if self._open == "kept" else "\r\x1b[K")
            sys.stderr.flush()
            self._open = ""
