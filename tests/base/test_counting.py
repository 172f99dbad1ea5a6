"""How far work has come: told where it takes long, and of no interest once it is over."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from export_pipeline.base.console import Console
from export_pipeline.base.counting import Count, each
from export_pipeline.base.progress import Passing


class Clock:
    """A clock that goes on by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def counted(seconds: float, clock: Clock, say: Callable[[str], None], whole: int = 60) -> None:
    count = Count(say, "photographs", whole, clock=clock)
    for done in range(1, whole + 1):
        clock.now += seconds
        count(done)


def test_a_count_tells_what_is_done_and_what_is_left_once_a_second() -> None:
    lines: list[str] = []
    counted(0.5, Clock(), lines.append)
    assert lines[:2] == ["photographs 2/60  ETA 29 s", "photographs 4/60  ETA 28 s"]
    assert len(lines) == 29
    assert all(isinstance(line, Passing) for line in lines)


def test_the_time_that_is_left_is_that_of_what_this_run_has_done() -> None:
    lines: list[str] = []
    clock = Clock()
    count = Count(lines.append, "step", 100, first=80, clock=clock)
    clock.now += 10
    count(85)
    assert lines == ["step 85/100  ETA 30 s"]


def test_what_is_soon_over_is_not_counted() -> None:
    lines: list[str] = []
    assert each(str, [1, 2, 3], lines.append, "photographs") == ["1", "2", "3"]
    assert lines == []


def test_a_log_gets_a_line_in_fifteen_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Console(clock=clock) as console:
        console.say("verify")
        counted(1.0, clock, console.say)
        console.say("report")
        counted(0.1, clock, console.say)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "verify"
    assert lines[1:4] == [f"  photographs {done}/60  ETA {60 - done} s" for done in (16, 31, 46)]
    assert lines[4:] == ["report"]


def test_a_terminal_has_one_line_of_it_that_goes_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = Clock()
    with Console(clock=clock) as console:
        console.say("verify")
        counted(1.0, clock, console.say, 4)
        console.say("report")
    shown = "\r\x1b[K  photographs"
    assert capsys.readouterr().err == f"verify\n{shown} 2/4  ETA 2 s{shown} 3/4  ETA 1 s\r\x1b[Kreport\n"


def test_a_quiet_console_says_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Console(quiet=True, clock=clock) as console:
        counted(20.0, clock, console.say)
    assert capsys.readouterr().err == ""
