"""That the fuzzer gives each reader what it reads, sees what it should not raise, and keeps that once."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from export_pipeline.errors import PipelineError
from export_pipeline.formats.coreai import library
from tests.fuzz import child, readers
from tests.fuzz.__main__ import limits, part
from tests.fuzz.frames import framed, unframed
from tests.fuzz.readers import READERS

CHANGES = 5


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_its_seeds_and_ends_changed_ones_in_an_error_of_ours(name: str, whole: Path) -> None:
    if name.startswith("aimodel") and library.missing():
        pytest.skip(library.missing())
    taken, changed = 0, 0
    for number, seed in enumerate(sorted((whole / READERS[name].seeds).iterdir())):
        data, rng = seed.read_bytes(), random.Random(number)
        try:
            readers.read(name, data)
            taken += 1
        except PipelineError:
            pass  # a recipe of something that is not here, a tensor file that is no checkpoint
        for _ in range(CHANGES):
            try:
                other = READERS[name].mutation(rng, data)
            except (TypeError, ValueError, RecursionError):
                continue  # the fuzzer changes bytes then
            changed += other != data
            with contextlib.suppress(PipelineError):
                readers.read(name, other)
    assert taken
    assert changed >= CHANGES // 2


def test_files_in_one_string_come_out_again() -> None:
    assert unframed(framed([b"one", b"", b"three"]), 3) == [b"one", b"", b"three"]
    assert unframed(b"\xff\xff\xff\xffrest", 2) == [b"rest", b""]


def test_a_finding_is_kept_once_and_executions_are_counted(tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        try:
            raise KeyError(data)
        except KeyError as error:
            child.keep(tmp_path, error, data)
    kept = sorted(tmp_path.iterdir())
    assert [path.read_bytes() for path in kept if not path.suffix] == [b"first"]
    assert kept[-1].read_text().startswith("KeyError at ")
    for _ in range(2):
        add = child.counter(tmp_path / "count")
        add()
    assert int.from_bytes((tmp_path / "count").read_bytes(), "little") == 2


def test_a_process_has_a_limit_of_time_only_where_one_is_given() -> None:
    assert limits(10, float("inf")) == ["-runs=10"]
    assert limits(10, 2.9) == ["-runs=10", "-max_total_time=2"]
    assert limits(10, 0.1) == ["-runs=10", "-max_total_time=1"]


def test_all_executions_are_dealt_out_and_slow_readers_get_few() -> None:
    names, left, dealt = list(READERS), 1_000_000, {}
    for index, name in enumerate(names):
        dealt[name] = round(left * part([READERS[later].share for later in names[index:]]))
        left -= dealt[name]
    assert left == 0
    assert dealt["aimodel"] < 2_000
    assert min(count for name, count in dealt.items() if name != "aimodel") > 60_000
