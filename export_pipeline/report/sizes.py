"""Which files of pruned and clustered networks are larger than what they are to be smaller than."""

from __future__ import annotations

from collections.abc import Iterator

from export_pipeline.report.model import FileRecord, Record
from export_pipeline.targets import is_target, split_size, target_of


def larger(record: Record, file: FileRecord) -> str:
    """Beside the bytes of *file* in a table: that a plainer file of its format is smaller; empty where none is."""
    smaller = _plainer(record, file)
    return "" if smaller is None else f" (larger than {smaller.target})"


def larger_notes(record: Record) -> Iterator[str]:
    """A line for each file of which that is so, with both sizes, and what is left of it once it is deflated."""
    for file in record.files:
        smaller = _plainer(record, file)
        if smaller is None:
            continue
        more = file.size.bytes - smaller.size.bytes
        deflated = file.size.deflated_bytes - smaller.size.deflated_bytes
        side = "smaller" if deflated < 0 else "larger"
        yield (
            f"{file.target}: its {file.size.bytes:,} bytes are {more:,} more than those "
            f"of {smaller.target}: at so many values or so few zeros its form does not pay. Deflated it is "
            f"{abs(deflated):,} bytes {side}"
        )


def _plainer(record: Record, file: FileRecord) -> FileRecord | None:
    """The smallest other file of its format that holds plain numbers and is smaller than *file*, a compressed one."""
    if not is_target(file.target) or not target_of(file.target).exact:
        return None
    size = split_size(file.target)[1]
    plain = [
        other
        for other in record.files
        if other.format == file.format
        and is_target(other.target)
        and not target_of(other.target).exact
        and split_size(other.target)[1] == size
    ]
    found = min(plain, key=lambda other: other.size.bytes, default=None)
    return found if found is not None and found.size.bytes < file.size.bytes else None
