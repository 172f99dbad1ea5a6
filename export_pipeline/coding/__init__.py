"""The compact weights container: clustered, sparse and plain tensors in one checksummed file. See README.md."""

from __future__ import annotations

from export_pipeline.coding.container import MEMORY_LIMIT, SUFFIX, read, read_coded, records, write
from export_pipeline.coding.tensor import CodedTensor, coded

__all__ = ["MEMORY_LIMIT", "SUFFIX", "CodedTensor", "coded", "read", "read_coded", "records", "write"]
