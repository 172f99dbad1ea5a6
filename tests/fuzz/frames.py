"""Several files in one string of bytes, as the fuzzer wants them: each after its length in four bytes."""

from __future__ import annotations

from collections.abc import Sequence


def framed(files: Sequence[bytes]) -> bytes:
    """*files* as one."""
    return b"".join(len(data).to_bytes(4, "little") + data for data in files)


def unframed(data: bytes, count: int) -> list[bytes]:
    """*count* files out of any bytes: a length that is too large takes what is left."""
    files = []
    for _ in range(count):
        length, data = int.from_bytes(data[:4], "little"), data[4:]
        files.append(data[:length])
        data = data[length:]
    return files
