"""Axial slices of the average brain of 152 people, MNI152, with maps of its grey and white matter.

Fonov et al., "Unbiased average age-appropriate brain templates from birth to adulthood", 2009. The volumes, 1 mm a
side, lie in the wheel of nilearn (BSD-3), which is fetched once.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from functools import cache

import numpy as np

from export_pipeline.base.wheels import Wheel
from export_pipeline.errors import ImageError
from export_pipeline.tasks.masked_images import HALF, MaskedImages, Pair

WHEEL = Wheel(
    requirement="nilearn==0.14.1",
    file="nilearn-0.14.1-py3-none-any.whl",
    sha256="725206484e9fb3f6691f9c2d20204a068759d5072f12055324702ee0cb2bbe8a",
    holds="the volumes of MNI152",
    error=ImageError,
)
MEMBER = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MAPS = {"grey_matter": "gm", "white_matter": "wm"}
HEIGHT, WIDTH = 224, 192  # what is cut out of the middle of a slice; a head fits
LEAST_SHARE = 0.01  # of the pixels of a slice that show brain; others are left out
# Neighbouring slices are alike: whole blocks are held out, one in five, and they come last.
BLOCK, GROUPS = 6, 5
_HEADER_BYTES, _UINT8 = 348, 2


@cache
def slices(tissue: str) -> MaskedImages:
    """The slices from the neck upwards, ``(224, 192, 3)``, each with the mask of a *tissue* of :data:`MAPS`.

    They are in blocks of six neighbours. The blocks numbered 4, 9, 14 and so on come last, to be held out.

    Raises:
        ImageError: the wheel cannot be fetched or is another.
    """
    t1, grey, tissues = (_volume(kind) for kind in ("t1", "gm", MAPS[tissue]))
    shown = [z for z in range(t1.shape[2]) if _cut(grey, z).mean() > LEAST_SHARE * 255]
    groups = [number // BLOCK % GROUPS == GROUPS - 1 for number in range(len(shown))]
    order = [z for last in (False, True) for z, group in zip(shown, groups, strict=True) if group is last]

    def load(index: int) -> Pair:
        z = order[index]
        return np.repeat(_cut(t1, z)[..., None], 3, axis=2), _cut(tissues, z) > HALF

    return MaskedImages(tuple(f"z{z:03}" for z in order), load)


def _cut(volume: np.ndarray, z: int) -> np.ndarray:
    """The middle of slice *z*, ``(HEIGHT, WIDTH)``, the face up."""
    image = volume[:, ::-1, z].T
    top, left = (image.shape[0] - HEIGHT) // 2, (image.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(image[top : top + HEIGHT, left : left + WIDTH])


@cache
def _volume(kind: str) -> np.ndarray:
    path = WHEEL.fetched()
    return read_nifti(WHEEL.read(path, MEMBER.format(kind)))


def read_nifti(data: bytes) -> np.ndarray:
    """The volume ``(X, Y, Z)`` uint8 in a gzipped NIfTI-1 file given as bytes.

    Only little-endian files of one volume of uint8 without scaling are read, as those in the wheel are.

    Raises:
        ImageError: it is another kind of file, or damaged.
    """
    try:
        raw = gzip.decompress(data)
        (size,), (ranks, *sides), (dtype,) = (
            struct.unpack_from(form, raw, offset) for form, offset in (("<i", 0), ("<8h", 40), ("<h", 70))
        )
        first, slope, intercept = struct.unpack_from("<3f", raw, 108)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise ImageError(f"it is not a gzipped NIfTI-1 file: {error}") from error
    if size != _HEADER_BYTES or raw[344:348] != b"n+1\0":
        raise ImageError("it is not a NIfTI-1 file of little-endian byte order")
    shape, scaled = tuple(sides[:3]), (slope, intercept) not in ((1, 0), (0, 0))
    if ranks not in (3, 4) or any(side != 1 for side in sides[3:ranks]) or dtype != _UINT8 or scaled:
        raise ImageError("it is a NIfTI-1 file of another kind; one volume of uint8 without scaling is read")
    if min(shape) < 1 or not first >= _HEADER_BYTES or len(raw) - first != np.prod(shape, dtype=np.int64):
        raise ImageError(f"a NIfTI-1 file of {len(raw):,} bytes does not hold a volume of {shape}")
    return np.frombuffer(raw, np.uint8, offset=int(first)).reshape(shape, order="F")
