"""Fuzzes one reader, guided by the coverage of this project's code: ``python -m tests.fuzz.child READER FOLDER ...``.

What libFuzzer takes may follow. A finding is kept under ``findings``, once for each place that it comes from, and the
run goes on; the number of executions is kept in ``count``. Both outlive a death of the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

_NUMBER = 8  # bytes of the count
_STRUCTURED = 0.7  # of the changes


def place(error: BaseException) -> str:
    """The type of *error*, and the last line of ours that it went through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "export_pipeline" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "elsewhere"
    return f"{type(error).__name__} at {where}"


def keep(folder: Path, error: BaseException, data: bytes) -> None:
    """Keep *data* and where *error* came from, unless that place is known."""
    name = hashlib.sha256(place(error).encode()).hexdigest()[:12]
    if not (folder / f"{name}.txt").exists():
        (folder / name).write_bytes(data)
        text = "".join(traceback.format_exception(error))
        (folder / f"{name}.txt").write_text(f"{place(error)}\n{text}", encoding="utf-8", errors="replace")


def counter(path: Path) -> Callable[[], None]:
    """What adds one to the number in the file *path*, which is right whatever ends the process."""
    if not path.exists():
        path.write_bytes(bytes(_NUMBER))
    with path.open("r+b") as file:
        held = mmap.mmap(file.fileno(), _NUMBER)

    def add() -> None:
        held[:] = (int.from_bytes(held[:], "little") + 1).to_bytes(_NUMBER, "little")

    return add


def main(name: str, folder: Path, arguments: list[str]) -> None:
    """Fuzz the reader *name* in *folder*, which has ``corpus``, ``findings`` and ``count``."""
    import atheris

    add = counter(folder / "count")

    def execute(data: bytes) -> None:
        add()
        judged(name, data, folder / "findings")

    with atheris.instrument_imports(include=["export_pipeline"]):
        # What a reader imports when it is called is instrumented as well, before the first execution that counts.
        for seed in sorted(Path(arguments[-1]).iterdir()):
            judged(name, seed.read_bytes(), folder / "findings")
        atheris.Setup([sys.argv[0], *arguments], execute, custom_mutator=changing(name))
        atheris.Fuzz()


def judged(name: str, data: bytes, findings: Path) -> None:
    """Give *data* to the reader *name*, and keep what it may not raise."""
    from export_pipeline.errors import PipelineError
    from tests.fuzz.readers import read

    try:
        read(name, data)
    except PipelineError:
        return
    except Exception as error:
        keep(findings, error, data)


def changing(name: str) -> Callable[[bytes, int, int], bytes]:
    """What libFuzzer asks for another input."""
    import atheris

    from tests.fuzz.readers import READERS

    def change(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < _STRUCTURED:
            with contextlib.suppress(Exception):  # the bytes may be too far from the format
                return READERS[name].mutation(rng, bytes(data))[:most]
        return bytes(atheris.Mutate(data, most))

    return change


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
