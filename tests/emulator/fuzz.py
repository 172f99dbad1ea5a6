"""Damages small models at random and demands that each still ends in a result or in EmulatorError.

``make fuzz``, or ``python -m tests.emulator.fuzz --count 200000 --seconds 1800``. The work is done by child processes,
so that a crash of native code is a finding too; the damaged model is kept and named.
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
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.errors import EmulatorError
from tests.emulator.mil import ct, mb

BATCH = 500  # executions of one child
SLOWEST = 60  # seconds that one execution may take
_NUMBERS = [0, 1, -1, 2, 7, 127, 255, 65536, 2**31 - 1, -(2**31), 2**40, 2**63 - 1]
_FLOATS = [0.0, -1.0, 1e-45, 3.4e38, float("inf"), float("-inf"), float("nan")]


def _programs() -> Iterator[Any]:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)

    @mb.program(input_specs=[mb.TensorSpec((1, 3, 8, 8))], opset_version=ct.target.iOS16)
    def image(x: Any) -> Any:
        y = mb.instance_norm(x=mb.conv(x=x, weight=weight, pad_type="same", strides=[2, 2]))
        y = mb.upsample_nearest_neighbor(x=mb.relu(x=y), scale_factor_height=2, scale_factor_width=2)
        return mb.reduce_mean(x=mb.concat(values=[x, y], axis=1), axes=[2, 3])

    @mb.program(input_specs=[mb.TensorSpec((2, 3))], opset_version=ct.target.iOS16)
    def flow(x: Any) -> Any:
        grown = mb.while_loop(
            _cond=lambda v: mb.less(x=mb.reduce_max(x=v, axes=[0, 1]), y=np.float32(10)),
            _body=lambda v: mb.add(x=v, y=np.float32(1)), loop_vars=(x,),
        )  # fmt: skip
        places = mb.non_zero(x=grown)
        return mb.topk(x=mb.gather_nd(x=grown, indices=places), k=2, axis=0)[0]

    for program in (image, flow):
        with quiet():
            yield ct.convert(program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS16)


def _network() -> Any:
    builder = ct.models.neural_network.NeuralNetworkBuilder(
        [("x", ct.models.datatypes.Array(3, 8, 8))], [("y", None)], disable_rank5_shape_mapping=True
    )
    weight = np.ones((3, 3, 3, 4), np.float32)
    builder.add_expand_dims("e", "x", "e", [0])
    builder.add_convolution("c", 3, 4, 3, 3, 1, 1, "same", 1, weight, None, False, input_name="e", output_name="c")
    builder.add_pooling("p", 2, 2, 2, 2, "MAX", "VALID", "c", "p")
    builder.add_softmax_nd("s", "p", "y", 1)
    return builder.spec


def seeds(folder: Path) -> list[Path]:
    """Small whole models, written to *folder*."""
    paths = []
    for index, model in enumerate(_programs()):
        paths.append(folder / f"seed{index}.mlpackage")
        model.save(str(paths[-1]))
    paths.append(folder / "seed.mlmodel")
    paths[-1].write_bytes(_network().SerializeToString())
    return paths


def _fields(message: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
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
            yield from _fields(one, depth + 1)


def _damage_field(rng: random.Random, data: bytes) -> bytes:
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(data)
    message, field = rng.choice(list(_fields(spec)))
    value = getattr(message, field.name)
    try:
        if field.message_type is not None or rng.random() < 0.1:
            message.ClearField(field.name)
        elif hasattr(value, "append"):
            value.append(rng.choice(list(value)))
            value[rng.randrange(len(value))] = _other(rng, value[0])
        else:
            setattr(message, field.name, _other(rng, value))
    except (ValueError, TypeError):
        message.ClearField(field.name)  # the number does not fit the field
    return bytes(spec.SerializeToString())


def _other(rng: random.Random, value: Any) -> Any:
    if isinstance(value, str):
        return rng.choice(["", "x", "../../etc/passwd", value + "\0", value[::-1]])
    if isinstance(value, bytes):
        return _damage_bytes(rng, value)
    return rng.choice(_FLOATS if isinstance(value, float) else _NUMBERS)


def _damage_bytes(rng: random.Random, data: bytes) -> bytes:
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
    file.write_bytes(_damage_field(rng, data) if structured else _damage_bytes(rng, data))


def execute(path: Path) -> bool:
    """Load and run a model. True if that works, False if it ends in EmulatorError; anything else is a finding."""
    try:
        model = CoreMLModel(path, threads=1, memory_limit=1 << 26, loop_limit=100)
        model.run({f.name: np.zeros(f.shape, f.dtype if f.kind == "tensor" else np.float32) for f in model.inputs})
        describe(path)
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
        whole += execute(case)
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
