"""Damages small models at random and demands that each still ends in a result or in EmulatorError.

``make emulatorfuzz``, or ``python -m tests.emulator.fuzz --count 200000 --seconds 1800``. The work is done by child
processes, so that a crash of native code is a finding too; the damaged model is kept and named.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.emulator import CoreMLModel, describe
from export_pipeline.errors import EmulatorError
from tests.emulator.fuzz_seeds import seeds
from tests.emulator.mil import ct

BATCH = 2000  # executions of one child
MEMORY = 1 << 26  # bytes of one tensor
SLOWEST = 60  # seconds that one execution may take
_NUMBERS = [0, 1, -1, 2, 7, 127, 255, 65536, 2**31 - 1, -(2**31), 2**40, 2**63 - 1]
_FLOATS = [0.0, -1.0, 1e-45, 3.4e38, float("inf"), float("-inf"), float("nan")]


def fields(message: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every set field of a protobuf, with the message that it is in."""
    for field, value in message.ListFields():
        yield message, field
        if field.message_type is None or depth > 30:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = [one for one in value.values() if hasattr(one, "ListFields")]
        else:
            inner = list(value) if hasattr(value, "__len__") else [value]
        for one in inner:
            yield from fields(one, depth + 1)


def damage_spec(rng: random.Random, data: bytes) -> bytes:
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(data)
    damage_field(rng, spec)
    return bytes(spec.SerializeToString())


def damage_field(rng: random.Random, whole: Any) -> None:
    """Change or clear one field anywhere in the protobuf *whole*, which has some."""
    message, field = rng.choice(list(fields(whole)))
    value = getattr(message, field.name)
    try:
        if field.message_type is not None or rng.random() < 0.1:
            message.ClearField(field.name)
        elif hasattr(value, "append"):
            value.append(rng.choice(list(value)))
            value[rng.randrange(len(value))] = other(rng, value[0])
        else:
            setattr(message, field.name, other(rng, value))
    except (ValueError, TypeError):
        message.ClearField(field.name)  # the number does not fit the field


def other(rng: random.Random, value: Any) -> Any:
    if isinstance(value, str):
        return rng.choice(["", "x", "../../etc/passwd", "x" * 300, value + "\0", value[::-1]])
    if isinstance(value, bytes):
        return damage_bytes(rng, value)
    return rng.choice(_FLOATS if isinstance(value, float) else _NUMBERS)


def damage_bytes(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return bytes([rng.randrange(256)])
    at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    kind = rng.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[min(end, at + 16) :]
    if kind == 2:
        return data[:end] + data[at : at + 16] + data[end:]
    flipped = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        flipped[rng.randrange(len(flipped))] = rng.randrange(256)
    return bytes(flipped)


def damage(rng: random.Random, seed: Path, target: Path) -> None:
    """Write a damaged copy of the model *seed* to *target*."""
    if seed.is_dir():
        shutil.copytree(seed, target, dirs_exist_ok=True)
        files = [path for path in sorted(target.rglob("*")) if path.is_file()]
        file = rng.choice([*files, *[path for path in files if path.suffix == ".mlmodel"] * 3])
    else:
        shutil.copyfile(seed, target)
        file = target
    data = file.read_bytes()
    structured = file.suffix == ".mlmodel" and rng.random() < 0.7
    file.write_bytes(damage_spec(rng, data) if structured else damage_bytes(rng, data))


def example(port: Any) -> Any:
    """A value that the port takes, if any."""
    if port.kind == "value":
        return {"string": "a", "dictionary": {}, "sequence": []}.get(port.dtype, 0)
    return np.zeros(port.shape, port.dtype if port.kind == "tensor" else np.float32)


def execute(path: Path, described: bool = True) -> bool:
    """Load and run a model. True if that works, False if it ends in EmulatorError; anything else is a finding."""
    try:
        if described:
            describe(path, MEMORY)
        model = CoreMLModel(path, threads=1, memory_limit=MEMORY, loop_limit=100)
        model.run({port.name: example(port) for port in model.inputs})
    except EmulatorError as error:
        if "\n" in str(error):
            raise ValueError("a message of more than one line") from error
        return False
    return True


def _too_slow(*_: Any) -> None:
    raise TimeoutError(f"more than {SLOWEST} seconds")


def child(seed: int, count: int, folder: Path) -> None:
    """Run *count* executions; the model at work is always ``folder/case``."""
    rng, whole = random.Random(seed), 0
    sources = seeds(folder)
    signal.signal(signal.SIGALRM, _too_slow)
    for _ in range(count):
        source = rng.choice(sources)
        case = folder / f"case{source.suffix}"
        shutil.rmtree(case, ignore_errors=True)
        damage(rng, source, case)
        signal.alarm(SLOWEST)
        whole += execute(case, described=rng.random() < 0.2)  # it costs as much as the run
        signal.alarm(0)
        if case.is_file():
            case.unlink()
    print(f"{count} executions, {whole} still ran")


def main() -> int:
    """Batches of executions until a count or a time is reached. 1 if there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.seed, options.count, options.child)
        return 0
    start, done, findings, seed = time.monotonic(), 0, 0, options.seed
    while done < options.count and time.monotonic() - start < options.seconds:
        size = min(BATCH, options.count - done)
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        command = [sys.executable, "-m", __spec__.name, "--child", str(folder), "--seed", str(seed)]
        ended = subprocess.run([*command, "--count", str(size)], check=False, capture_output=True, text=True)
        if ended.returncode:
            findings += 1
            print(f"seed {seed}: ended with {ended.returncode}; the model is {folder}/case*\n{ended.stderr[-2000:]}")
        else:
            shutil.rmtree(folder)
        done, seed = done + size, seed + 1
    print(f"{done} executions in {time.monotonic() - start:.0f} s, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
