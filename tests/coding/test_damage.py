"""A file that is not whole, not ours or not sound is refused, and nothing of it is returned."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline import coding
from export_pipeline.coding import forms, layout
from export_pipeline.coding.container import to_bytes
from export_pipeline.errors import WeightsError


def some_of_every_form() -> dict[str, forms.Tensor]:
    random = np.random.default_rng(0)

    def clustered(clusters: int, zeros: float, size: int) -> coding.CodedTensor:
        indices = random.integers(0, clusters, size).astype(np.uint8)
        return coding.CodedTensor(
            np.arange(clusters, dtype=np.float32), np.where(random.random(size) < zeros, np.uint8(0), indices)
        )

    return {
        "packed": clustered(5, 0, 40),
        "coded": clustered(4, 0.4, 2400),
        "mask": clustered(200, 0.6, 300),
        "gaps": clustered(3, 0.995, 2000),
        "values": random.standard_normal(5).astype(np.float32),
        "sparse": np.where(random.random(60) < 0.8, 0, random.standard_normal(60)),
        "scalar": np.array(3),
    }


@pytest.fixture(scope="module")
def whole() -> bytes:
    return to_bytes(some_of_every_form())


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Writes bytes to a file that each way of reading must refuse; gives the message."""
    path = tmp_path / "net.weights"

    def check(data: bytes, **options: Any) -> str:
        path.write_bytes(data)
        for read in (coding.read, coding.read_coded):
            with pytest.raises(WeightsError) as caught:
                read(path, **options)
        message = str(caught.value)
        assert message.startswith(f"{path} cannot be read: ")
        assert len(message.splitlines()) == 1
        return message

    return check


def test_the_material_has_every_form(whole: bytes) -> None:
    records, _ = layout.take_apart(whole)
    assert {record.positions for record in records} == set(layout.POSITIONS)
    assert {bool(record.coded) for record in records} == {False, True}
    assert {bool(record.clusters) for record in records} == {False, True}


def test_every_flipped_byte_is_noticed(whole: bytes) -> None:
    for at in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[at] ^= flip
            with pytest.raises(WeightsError):
                layout.take_apart(bytes(damaged))


def test_every_truncation_is_noticed(whole: bytes, refused: Callable[..., str]) -> None:
    for length in range(len(whole)):
        with pytest.raises(WeightsError):
            layout.take_apart(whole[:length])
    for length in (0, 5, 8, 30, len(whole) // 2, len(whole) - 1):
        refused(whole[:length])


def checked(body: bytes) -> bytes:
    """*body* with the check sum that makes it look sound."""
    return body + struct.pack("<I", zlib.crc32(body))


def test_damage_with_a_right_check_sum_never_goes_further_than_a_weights_error(whole: bytes, tmp_path: Path) -> None:
    path, body, noticed = tmp_path / "net.weights", whole[:-4], 0
    for at in range(len(body)):
        damaged = bytearray(body)
        damaged[at] ^= 0x10
        path.write_bytes(checked(bytes(damaged)))
        try:
            coding.read(path, memory_limit=1 << 24)
        except WeightsError:
            noticed += 1
    assert noticed > len(body) / 4  # the rest are other values, which look as sound as these


@pytest.mark.parametrize("byte", [0, 1, 0xFF])
def test_wild_records_never_go_further_than_a_weights_error(byte: int, tmp_path: Path) -> None:
    encoded = [forms.encode(name, tensor) for name, tensor in some_of_every_form().items()]
    plain = b"".join(layout._record_bytes(record) for record, _ in encoded)
    streams = b"".join(stream for _, five in encoded for stream in five)
    path, noticed = tmp_path / "net.weights", 0
    for at in range(len(plain)):
        wild = plain[:at] + bytes([byte]) + plain[at + 1 :]
        length = layout._START.size + len(wild) + len(streams) + 4
        start = layout._START.pack(layout.MAGIC, layout.VERSION, length, len(wild), len(wild))
        path.write_bytes(checked(start + wild + streams))
        try:
            coding.read_coded(path, memory_limit=1 << 24)
        except WeightsError:
            noticed += 1
    assert noticed > sum(old != byte for old in plain) / 2


@pytest.mark.parametrize(
    "foreign",
    [b"PK\x03\x04" + bytes(100), b"\x89HDF\r\n\x1a\n" + bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(100), b"weights\n"],
)
def test_foreign_files_are_told_as_such(foreign: bytes, refused: Callable[..., str]) -> None:
    assert "it is not a container of weights" in refused(foreign)


def test_a_file_that_passed_as_text_is_foreign(whole: bytes, refused: Callable[..., str]) -> None:
    assert "not a container" in refused(whole.replace(b"\r\n", b"\n"))


def test_trailing_bytes_are_refused(whole: bytes, refused: Callable[..., str]) -> None:
    assert f"it should be {len(whole)} bytes and is {len(whole) + 1}" in refused(whole + b"\0")


def test_another_version_is_named(whole: bytes, refused: Callable[..., str]) -> None:
    assert "it is of version 7; this reads version 1" in refused(whole[:8] + struct.pack("<I", 7) + whole[12:])


def test_two_tensors_of_one_name_are_refused(refused: Callable[..., str]) -> None:
    record, streams = forms.encode("twin", np.zeros(3))
    assert "it has two tensors 'twin'" in refused(layout.assemble([record, record], [*streams, *streams]))


def test_more_than_the_memory_limit_is_refused_before_it_is_made(refused: Callable[..., str]) -> None:
    record, streams = forms.encode("zeros", np.zeros(1000, np.float32))
    assert record.positions != "dense"
    assert "its tensors are 4000 bytes; 3999 are allowed" in refused(
        layout.assemble([record], streams), memory_limit=3999
    )


SPARSE = coding.CodedTensor(np.array([0, 1, 2], np.float32), np.array([0] * 90 + [1, 2] * 5, np.uint8))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (1 << 40,)},
        {"shape": (0, 1 << 63)},
        {"count": 101},
        {"count": 9},
        {"clusters": 1},
        {"clusters": 257},
        {"clusters": 4},
        {"coded": 3},
        {"dtype": "float64"},
        {"stored": "int8"},
        {"positions": "dense"},
        {"gaps": 1},
        {"name": ""},
    ],
)
def test_a_record_that_contradicts_itself_is_refused(change: dict[str, Any], refused: Callable[..., str]) -> None:
    record, streams = forms.encode("x", SPARSE)
    refused(layout.assemble([replace(record, **change)], streams))


def test_a_sparse_tensor_without_a_zero_is_refused(refused: Callable[..., str]) -> None:
    record, streams = forms.encode("x", SPARSE)
    assert record.positions != "dense"
    table = np.array([3, 1, 2], record.stored).tobytes()
    assert "no zero in its table" in refused(layout.assemble([record], [streams[0], table, *streams[2:]]))


def test_a_deflate_bomb_is_not_inflated(refused: Callable[..., str]) -> None:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = coder.compress(bytes(1 << 24)) + coder.flush()
    assert "do not fit" in refused(
        checked(layout._START.pack(layout.MAGIC, 1, 32 + len(bomb), len(bomb), 1 << 27) + bomb)
    )
    said = refused(checked(layout._START.pack(layout.MAGIC, 1, 32 + len(bomb), len(bomb), 1 << 20) + bomb))
    assert "are not 1048576 bytes" in said


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.weights cannot be read: No such file"):
        coding.read(tmp_path / "none.weights")
    with pytest.raises(WeightsError, match="Is a directory"):
        coding.read(tmp_path)
