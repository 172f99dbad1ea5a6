"""What long work says on the way: how long it will take, and nothing where that was asked for."""

from __future__ import annotations

import pytest

from export_pipeline.base.console import Console, duration
from export_pipeline.base.progress import Progress


class Clock:
    """A clock that goes on by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_that_is_left_follows_from_the_steps_that_were_timed(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Console(clock=clock) as console:
        for step in range(1, 5):
            console.step(Progress("train", step, 103, {"loss": 1.0}, 2.5))
            clock.now += 20
    lines = capsys.readouterr().err.splitlines()
    assert "ETA" not in lines[0]
    assert lines[1].endswith("2.50 images/s  ETA 33 min 40 s")  # 101 steps of 20 seconds
    assert lines[3].endswith("ETA 33 min 0 s")


def test_another_stage_is_timed_anew_and_the_last_step_has_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Console(clock=clock) as console:
        for what, step in (("train", 9), ("train", 10), ("prune", 1), ("prune", 2)):
            clock.now += 30
            console.progress(what, step, 10 if what == "train" else 4, {})
    lines = capsys.readouterr().err.splitlines()
    assert ["ETA" in line for line in lines] == [False, False, False, True]
    assert lines[3].endswith("ETA 1 min 0 s")


def test_a_quiet_console_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Console(quiet=True, clock=clock) as console:
        console.say("line")
        for _ in range(3):
            clock.now += 60
            console.passing("passing")
            console.progress("train", 4, 4, {})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (3599.7, "1 h 0 min")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
