"""Huffman coding of bytes, by zlib: deflate with ``Z_HUFFMAN_ONLY`` looks for no repetitions and only codes bytes.

That is the coder of a well-kept C library which comes with Python, and it renews its code every 32 thousand bytes.
Bits that follow no pattern, such as the low bits of k-means indices, only get longer; a stream is therefore kept as it
is unless coding pays. Nothing in the stream says which: coded bytes are always fewer than they stand for.
"""

from __future__ import annotations

import zlib

from export_pipeline.coding.bitpack import Buffer
from export_pipeline.errors import WeightsError

_RAW = -15  # no zlib header and no check sum: the container has its own
_PAYS = 0.99


def encode(content: bytes, strategy: int = zlib.Z_HUFFMAN_ONLY) -> bytes:
    """*content* coded if that makes it at least 1 % smaller, else as it is; *strategy* is one of zlib's."""
    coder = zlib.compressobj(9, zlib.DEFLATED, _RAW, 9, strategy)
    coded = coder.compress(content) + coder.flush()
    return coded if len(coded) <= _PAYS * len(content) else content


def decode(stored: Buffer, size: int) -> Buffer:
    """The *size* bytes that :func:`encode` was given. Never makes more than that.

    Raises:
        WeightsError: *stored* is not the coding of exactly that many bytes.
    """
    if len(stored) == size:
        return stored
    decoder = zlib.decompressobj(_RAW)
    try:
        content = decoder.decompress(stored, size + 1)
    except zlib.error as error:
        raise WeightsError(f"Huffman-coded bytes are damaged ({error})") from error
    if len(content) != size or not decoder.eof or decoder.unused_data:
        raise WeightsError(f"Huffman-coded bytes are not {size} bytes")
    return content
