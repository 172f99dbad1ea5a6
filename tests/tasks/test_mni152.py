"""Slices of the average brain, and volumes that are not what they should be."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from export_pipeline.errors import ImageError
from export_pipeline.tasks.masked_images import MaskedImages
from export_pipeline.tasks.mni152 import BLOCK, read_nifti, slices

VOLUME = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def nifti(**changed: object) -> bytes:
    """A gzipped NIfTI-1 file of ``VOLUME``, some fields of its header *changed*."""
    fields = {"size": 348, "dim": (3, 3, 4, 5, 1, 1, 1, 1), "dtype": 2, "scale": (352.0, 1.0, 0.0), "magic": b"n+1\0"}
    fields |= changed
    header = bytearray(352)
    struct.pack_into("<i", header, 0, fields["size"])
    struct.pack_into("<8h", header, 40, *fields["dim"])  # type: ignore[misc]
    struct.pack_into("<h", header, 70, fields["dtype"])
    struct.pack_into("<3f", header, 108, *fields["scale"])  # type: ignore[misc]
    struct.pack_into("<4s", header, 344, fields["magic"])
    return gzip.compress(bytes(header) + VOLUME.tobytes(order="F"), mtime=0)


def test_a_volume_is_read_as_it_was_written() -> None:
    np.testing.assert_array_equal(read_nifti(nifti()), VOLUME)
    np.testing.assert_array_equal(read_nifti(nifti(dim=(4, 3, 4, 5, 1, 1, 1, 1), scale=(352.0, 0.0, 0.0))), VOLUME)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"size": 0x5C010000}, "little-endian"),
        ({"magic": b"ni1\0"}, "is not a NIfTI-1 file"),
        ({"dtype": 4}, "another kind"),
        ({"scale": (352.0, 2.0, 0.0)}, "another kind"),
        ({"dim": (4, 3, 4, 5, 2, 1, 1, 1)}, "another kind"),
        ({"dim": (2, 3, 4, 5, 1, 1, 1, 1)}, "another kind"),
        ({"dim": (3, 3, 4, 6, 1, 1, 1, 1)}, "412 bytes does not hold a volume of"),
        ({"dim": (3, 3, -4, -5, 1, 1, 1, 1)}, "does not hold a volume"),
        ({"scale": (10.0, 1.0, 0.0)}, "does not hold a volume"),
        ({"scale": (float("nan"), 1.0, 0.0)}, "does not hold a volume"),
    ],
    ids=str,
)
def test_another_file_is_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ImageError, match=told):
        read_nifti(nifti(**changed))


@pytest.mark.parametrize("data", [b"", b"no gzip", nifti()[:50], gzip.compress(b"short")], ids=len)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="gzipped NIfTI-1 file"):
        read_nifti(data)


@pytest.fixture(scope="module")
def grey() -> MaskedImages:
    """Needs the network the first time; from then on the user's cache."""
    try:
        return slices("grey_matter")
    except ImageError as error:
        if "not cached and cannot be fetched" in str(error):
            pytest.skip(f"offline, and nothing is cached: {error}")
        raise


def test_the_pinned_wheel_holds_a_brain(grey: MaskedImages) -> None:
    assert len(grey) == 144
    white = slices("white_matter")
    assert white.names == grey.names
    for index in range(0, len(grey), 16):
        (picture, mask), (same, other) = grey[index], white[index]
        np.testing.assert_array_equal(picture, same)
        assert picture.shape == (224, 192, 3)
        assert mask.any()
        assert not (mask & other).any()
        assert picture[other].mean() > picture[mask].mean() or not other.any()  # white matter is the brighter one
        assert not picture[0].any()  # nothing is cut off
        assert not picture[-1].any()


def test_blocks_of_neighbours_are_held_out(grey: MaskedImages) -> None:
    training, held = grey.split(24)
    numbers = [int(name[1:]) for name in held.names]
    blocks = [numbers[start : start + BLOCK] for start in range(0, len(numbers), BLOCK)]
    assert [block[-1] - block[0] for block in blocks] == [BLOCK - 1] * 4
    trained = {int(name[1:]) for name in training.names}
    for block in blocks:
        assert {block[0] - 1, block[-1] + 1} <= trained
