"""How far long work has come, told through a listener of lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from export_pipeline.base.console import duration
from export_pipeline.base.progress import Passing

Made = TypeVar("Made")

EVERY = 1.0  # seconds between two lines


class Count:
    """Tells *say* how many of a number of things are done, and when the rest may be; of what is soon over, nothing.

    Args:
        say: gets a :class:`Passing` line a second.
        what: is counted, such as ``photographs``.
        whole: how many there are.
        first: how many were done before, by a run that was interrupted.
        clock: gives seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        what: str,
        whole: int,
        first: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._what, self._whole, self._first, self._clock = say, what, whole, first, clock
        self._began = self._told = clock()

    def __call__(self, done: int) -> None:
        """So many are done."""
        now = self._clock()
        if now - self._told < EVERY or not self._first < done < self._whole:
            return
        self._told = now
        left = (now - self._began) / (done - self._first) * (self._whole - done)
        self._say(Passing(f"{self._what} {done}/{self._whole}  ETA {duration(left)}"))


def each(make: Callable[[Any], Made], things: Sequence[Any], say: Callable[[str], None], what: str) -> list[Made]:
    """What *make* makes of each of *things*, one after the other, with a :class:`Count` of *what*."""
    count, made = Count(say, what, len(things)), list[Made]()
    for thing in things:
        made.append(make(thing))
        count(len(made))
    return made
