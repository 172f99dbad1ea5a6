"""Fuzzes all readers, one after the other: ``make fuzz``, or ``python -m tests.fuzz --runs 100000 --readers tflite``.

The corpus stays in the folder, and the next call goes on with it. Exit code 1 says that there are findings, of this
call or of earlier ones that are still in the folder: each is a file of bytes and a text that says where it came from.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.readers import READERS
from tests.imports import ROOT

FOLDER = ROOT / ".fuzz"
_TIMEOUT, _MEMORY = 60, 6000  # seconds and MB of one execution
_LONGEST = 1 << 17  # bytes of an input
_MOST_DEATHS = 20  # of one reader's process: more are of one cause


@dataclass
class Outcome:
    """What one reader did in this call."""

    reader: str
    runs: int
    seconds: float
    findings: int


def seeds(folder: Path) -> Path:
    """The files that all start from, made once."""
    made = folder / "seeds"
    if not made.is_dir():
        aside = folder / "seeds.part"
        shutil.rmtree(aside, ignore_errors=True)
        command = [sys.executable, "-m", "tests.fuzz.seeds", str(aside)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        aside.rename(made)
    return made


def fuzz(name: str, folder: Path, runs: int, seconds: float) -> Outcome:
    """Fuzz the reader *name* until *runs* executions or *seconds* are over."""
    own, start = folder / name, time.monotonic()
    for part in ("corpus", "findings"):
        (own / part).mkdir(parents=True, exist_ok=True)
    before, deaths = _count(own), 0
    while (left := runs - (_count(own) - before)) > 0 and time.monotonic() - start < seconds:
        command = [sys.executable, "-m", "tests.fuzz.child", name, str(own)]
        command += [*limits(left, seconds - (time.monotonic() - start)), f"-timeout={_TIMEOUT}"]
        command += [f"-report_slow_units={_TIMEOUT}", f"-rss_limit_mb={_MEMORY}"]
        command += [f"-max_len={_LONGEST}", f"-artifact_prefix={own / 'findings'}/", "-verbosity=0"]
        command += [str(own / "corpus"), str(folder / "seeds" / READERS[name].seeds)]
        with (own / "log").open("wb") as log:
            code = subprocess.run(command, cwd=ROOT, check=False, stdout=log, stderr=subprocess.STDOUT).returncode
        deaths += code != 0
        if code == 0 or deaths >= _MOST_DEATHS:
            break
    return Outcome(name, _count(own) - before, time.monotonic() - start, len(_findings(own)))


def limits(runs: int, seconds: float) -> list[str]:
    """The options of a process that ends after so many *runs*, or *seconds*, which may be infinite."""
    return [f"-runs={runs}", *([f"-max_total_time={max(1, int(seconds))}"] if math.isfinite(seconds) else [])]


def part(shares: Sequence[float]) -> float:
    """What the first of *shares* is of all."""
    return shares[0] / sum(shares)


def _count(folder: Path) -> int:
    path = folder / "count"
    return int.from_bytes(path.read_bytes(), "little") if path.is_file() else 0


def _findings(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "findings").iterdir() if path.suffix != ".txt")


def main() -> int:
    """Fuzz, and say how many executions there were and what was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of all readers together")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of all readers together")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("SKIPPED: there is no atheris here. `make fuzz` fetches a wheel, for Linux and Python 3.11 to 3.13.")
        return 0
    options.folder.mkdir(parents=True, exist_ok=True)
    seeds(options.folder)
    runs, outcomes, start = options.runs, [], time.monotonic()
    for index, name in enumerate(options.readers):
        # What a reader leaves of its share goes to those after it.
        own = part([READERS[left].share for left in options.readers[index:]])
        seconds = (options.seconds - (time.monotonic() - start)) / (len(options.readers) - index)
        made = fuzz(name, options.folder, max(1, round(runs * own)), max(1.0, seconds))
        runs -= made.runs
        outcomes.append(made)
        print(f"{name:<18}{made.runs:>10,} executions {made.seconds:>7.0f} s {made.findings:>4} findings", flush=True)
    found = sum(each.findings for each in outcomes)
    print(f"{sum(each.runs for each in outcomes):,} executions, {found} findings in {options.folder}")
    for name in options.readers:
        for path in _findings(options.folder / name):
            told = path.with_suffix(".txt")
            first = told.read_text(encoding="utf-8").splitlines()[0] if told.is_file() else "the process died"
            print(f"  {name}: {path.relative_to(options.folder)}: {first}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
