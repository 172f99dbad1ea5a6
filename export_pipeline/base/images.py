"""Reading and writing images: the one door for photographs, styles and results.

Inside the project an image is an array ``(height, width, 3)``, RGB, uint8 0..255.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from export_pipeline.base.files import check_writable, written_aside
from export_pipeline.errors import ImageError, ModelError, OutputError

HEIF_SUFFIXES = (".heic", ".heif", ".hif")  # what phones write, and Pillow needs more for
READ_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp", *HEIF_SUFFIXES)
LEAST_SIDE = 16  # of a photograph or a style, pixels
WRITE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_GET_HEIF = "pip install 'pi-heif>=1.0', which is the extra [heic]"
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_ALLOWED = "allowed: JPEG, PNG, HEIC, WebP, TIFF, BMP and GIF, RGB or gray, 8 bits a channel, opaque, one frame"
# What Pillow's decoders raise on bytes that are not what they should be.
_DECODING = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error)


def load_image(path: Path | str) -> np.ndarray:
    """Read an image file as ``(H, W, 3)`` RGB uint8.

    The EXIF orientation is applied. Grayscale and palette become RGB, and the colours of an embedded profile, such as
    the Display P3 of phones, those of sRGB. Of a JPEG with further pictures after the first (MPO, as phones write it)
    the first is read, and of a HEIC the main one.

    Warns:
        The profile cannot be read: the values are taken as they are.

    Raises:
        ImageError: the file is missing, not an image, HEIC without pi-heif, damaged, animated, CMYK, deeper than 8
            bits a channel, or transparent somewhere: what becomes of those is for their owner to decide.
    """
    path = Path(path)
    with _readable(path), Image.open(path, formats=_formats()) as opened:
        frames = getattr(opened, "n_frames", 1)
        if frames > 1 and opened.format not in ("MPO", "HEIF"):
            raise ImageError(f"{path} is animated or has pages ({frames} frames). Give an image of one frame.")
        deep = _is_deep(opened)
        opened.load()
        if deep:
            raise ImageError(f"{path} has more than 8 bits a channel. Save it with 8 bits; {_ALLOWED}")
        if opened.mode == "CMYK":
            raise ImageError(f"{path} is CMYK, made for print. Convert it to RGB; {_ALLOWED}")
        if opened.has_transparency_data and np.asarray(opened.convert("RGBA"))[..., 3].min() < 255:
            raise ImageError(f"{path} is transparent in places. Lay it on a background; {_ALLOWED}")
        turned = ImageOps.exif_transpose(opened)
        image, problem = _in_srgb(turned, opened.info.get("icc_profile"))
    if problem:
        warnings.warn(
            f"the colour profile in {path} cannot be read ({problem}); its values are taken as sRGB", stacklevel=2
        )
    return np.array(image)


def _formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read, HEIC among them where pi-heif is installed."""
    try:
        from pi_heif import register_heif_opener
    except ModuleNotFoundError:
        return _FORMATS
    register_heif_opener(thumbnails=False)
    return (*_FORMATS, "HEIF")


def _in_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """*image* in RGB with the colours of sRGB, and why its *profile* could not be followed, if so."""
    if image.mode not in ("RGB", "L"):
        image = image.convert("RGB")
    if not profile:
        return image.convert("RGB"), ""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(own):  # converted, some values would be off by one
            return image.convert("RGB"), ""
        converted = ImageCms.profileToProfile(
            image,
            own,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return image.convert("RGB"), str(error)
    return converted or image.convert("RGB"), ""


def save_image(path: Path | str, image: np.ndarray, quality: int = 95, comment: str = "") -> None:
    """Write ``(H, W, 3)`` RGB uint8 in the format that the file name's suffix says, whole or not at all.

    Where the format has a *quality*, 1 to 100, it has that. A JPEG keeps the colours of every pixel, and a *comment*.

    Raises:
        OutputError: the suffix is not one of :data:`WRITE_SUFFIXES`, or the file cannot be written.
        ValueError: *image* is not ``(H, W, 3)`` uint8.
    """
    path = Path(path)
    check_image(image)
    _check_name(path)
    lossy = path.suffix.lower() in (".jpg", ".jpeg", ".webp")
    options: dict[str, Any] = {"quality": quality, "subsampling": 0} if lossy else {}
    if comment and path.suffix.lower() in (".jpg", ".jpeg"):
        options["comment"] = comment.encode()
    with written_aside(path) as aside:
        Image.fromarray(image).save(aside, **options)


def check_output(path: Path | str) -> None:
    """Refuse now what :func:`save_image` would refuse when the work is done.

    Raises:
        OutputError: the suffix is not one of :data:`WRITE_SUFFIXES`, or the file cannot be written.
    """
    _check_name(Path(path))
    check_writable(Path(path))


def _check_name(path: Path) -> None:
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder. Name an image file in it.")
    if path.suffix.lower() not in WRITE_SUFFIXES:
        raise OutputError(
            f"cannot write {path}: unknown image suffix {path.suffix!r}; allowed: {', '.join(WRITE_SUFFIXES)}"
        )


def within(image: np.ndarray, most: int) -> np.ndarray:
    """*image*, ``(H, W, 3)`` uint8, scaled down (Lanczos) until no side is above *most* pixels; never up."""
    check_image(image)
    scale = most / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def fit(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bring ``(H, W, 3)`` uint8 to ``(height, width, 3)`` without distortion.

    The image is resized (Lanczos, antialiased) until it just covers the size; then its centre is cut out.
    """
    check_image(image)
    if image.shape[:2] == (height, width):
        return image
    scale = max(height / image.shape[0], width / image.shape[1])
    box_height, box_width = height / scale, width / scale
    # Rounding may put an edge of the box a little beyond that of the image, which Pillow refuses.
    top = max(0.0, (image.shape[0] - box_height) / 2)
    left = max(0.0, (image.shape[1] - box_width) / 2)
    box = (left, top, min(left + box_width, image.shape[1]), min(top + box_height, image.shape[0]))
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS, box=box))


def load_photograph(path: Path | str) -> np.ndarray:
    """:func:`load_image` of a photograph or a style, which must have something to see.

    Raises:
        ImageError: as of :func:`load_image`, or a side has fewer than :data:`LEAST_SIDE` pixels.
    """
    image = load_image(path)
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise ImageError(
            f"{path} has {width}x{height} pixels; a photograph or a style needs {LEAST_SIDE} a side. Give a larger one."
        )
    return image


def images_below(folder: Path | str) -> int:
    """How many image files lie in folders of *folder*, where :func:`list_images` does not look."""
    folder = Path(folder)
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in READ_SUFFIXES)
    return sum(len(path.parts) > 1 and not any(part.startswith(".") for part in path.parts) for path in found)


def list_images(folder: Path | str) -> list[Path]:
    """Files right inside *folder* with one of :data:`READ_SUFFIXES`, sorted by name; hidden ones are left out.

    Raises:
        ImageError: *folder* is missing or not a folder, or holds no such file.
    """
    folder = Path(folder)
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in READ_SUFFIXES and not p.name.startswith(".")]
    except OSError as error:
        raise ImageError(f"cannot read folder {folder}: {error.strerror}. Give a folder of photographs.") from error
    found = sorted(p for p in found if p.is_file())
    if not found:
        below = images_below(folder)
        there = f" {below} lie in folders below it, which are not looked into." if below else ""
        raise ImageError(f"{folder} holds no images.{there} Put photographs there; allowed: {', '.join(READ_SUFFIXES)}")
    return found


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Round float values 0..255 to uint8, clipping those outside.

    Raises:
        ModelError: a value is not finite.
    """
    if not np.isfinite(image).all():
        raise ModelError("the model's output holds values that are not finite. Train or export it again.")
    rounded: np.ndarray = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return rounded


def check_image(image: np.ndarray) -> None:
    """Refuse what is not ``(H, W, 3)`` uint8 with a ``ValueError``: a mistake in code, not in a file."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"an image is (height, width, 3) uint8; got {image.shape} {image.dtype}")


def _is_deep(image: Image.Image) -> bool:
    """Whether the file holds more than 8 bits a channel; Pillow has scaled colour down once it is loaded."""
    if image.format == "HEIF":
        return bool(image.info["bit_depth"] > 8)
    # A tile tells how its bytes are unpacked, such as RGB;16B. The 16 of a BMP is bits of all channels together.
    coded = image.format in ("PNG", "TIFF") and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    return coded or image.mode.startswith("I") or image.mode == "F"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn everything that reading an image raises into an ImageError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata and large pictures; both are read
            yield
    except UnidentifiedImageError as error:
        if path.suffix.lower() in HEIF_SUFFIXES and "HEIF" not in _formats():
            raise ImageError(
                f"{path} is HEIC, which takes pi-heif, and that is not installed. Save it as JPEG, or: {_GET_HEIF}"
            ) from error
        raise ImageError(f"{path} is not an image that can be read; {_ALLOWED}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path} has too many pixels ({error}). Scale it down first.") from error
    except _DECODING as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(f"cannot read {path}: {error.strerror}. Give the path of an image.") from error
        raise ImageError(f"{path} is damaged or truncated ({error}). Save it again; {_ALLOWED}") from error


def pixels_sha256(image: np.ndarray) -> str:
    """SHA-256 of an image's shape and values."""
    return hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
