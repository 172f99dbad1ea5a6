from __future__ import annotations

import io
import shutil
import struct
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from export_pipeline.base.images import check_output, fit, list_images, load_image, save_image, to_uint8, within
from export_pipeline.errors import ImageError, ModelError, OutputError

HERE = Path(__file__).parent
needs_heif = pytest.mark.skipif(
    find_spec("pi_heif") is None, reason="SKIPPED: not installed; the extra [heic] brings it"
)


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 8, y * 12, x + y], axis=-1).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_a_png_comes_back_as_it_was(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", gradient())
    assert np.array_equal(load_image(tmp_path / "a.png"), gradient())


@pytest.mark.parametrize("mode", ["L", "P", "1", "YCbCr"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    loaded = load_image(saved(tmp_path / "a.tif", Image.new("RGB", (8, 6), (255, 255, 255)).convert(mode)))
    assert loaded.shape == (6, 8, 3)
    assert loaded.dtype == np.uint8
    assert (loaded == 255).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_is_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, Image.new("RGB", (16, 16), (250, 10, 10)).convert("CMYK"))
    with pytest.raises(ImageError, match=r"is CMYK.*Convert it to RGB"):
        load_image(path)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, Image.fromarray(np.array([[0, 257, 32896, 65535]], np.uint16)))
    with pytest.raises(ImageError, match="more than 8 bits a channel"):
        load_image(path)


def test_sixteen_bit_color_is_refused(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">6H", 65535, 0, 32896, 257, 257, 257)
    chunks = [(b"IHDR", struct.pack(">2I5B", 2, 1, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(ImageError, match="more than 8 bits a channel"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("values", [np.full((4, 4), 70000, np.int32), np.full((4, 4), 0.5, np.float32)])
def test_wider_values_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(ImageError, match="more than 8 bits a channel"):
        load_image(saved(tmp_path / "a.tif", Image.fromarray(values)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_refused(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 2, 4))
    with pytest.raises(ImageError, match="transparent in places"):
        load_image(saved(tmp_path / "a.png", image.convert(mode)))


def test_an_opaque_alpha_channel_is_dropped(tmp_path: Path) -> None:
    loaded = load_image(saved(tmp_path / "a.png", Image.new("RGBA", (4, 4), (1, 2, 3, 255))))
    assert (loaded == (1, 2, 3)).all()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the picture is to be turned clockwise
    path = saved(tmp_path / "a.jpg", Image.fromarray(gradient(20, 30)), exif=exif, quality=100, subsampling=0)
    np.testing.assert_allclose(load_image(path).astype(int), np.rot90(gradient(20, 30), -1).astype(int), atol=4)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="2 frames"):
        load_image(tmp_path / "a.gif")


def test_of_a_phones_multi_picture_jpeg_the_first_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.jpg")[0, 0, 0] > 240


def test_every_truncation_is_an_image_error(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "webp", "gif", "bmp", "tif"):
        stream = io.BytesIO()
        Image.fromarray(gradient()).save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()))
        whole = stream.getvalue()
        for length in (0, 1, 10, len(whole) // 3, len(whole) // 2):
            path = tmp_path / f"a.{suffix}"
            path.write_bytes(whole[:length])
            with pytest.raises(ImageError, match=r"a\."):
                load_image(path)


@pytest.mark.parametrize("content", [b"this is text\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", bytes(1000)])
def test_what_is_no_image_is_refused_with_what_is_allowed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="allowed: JPEG, PNG"):
        load_image(tmp_path / "a.jpg")


def test_missing_files_and_folders_are_image_errors(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        load_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="directory"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="No such file"):
        list_images(tmp_path / "none")
    with pytest.raises(ImageError, match="holds no images"):
        list_images(tmp_path)


def test_a_folder_lists_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.png", "b.JPG"]


def test_a_failed_save_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"allowed: \.bmp"):
        save_image(tmp_path / "a.xyz", gradient())
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="folder"):
        save_image(tmp_path / "folder.png", gradient())
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match="cannot write"):
        save_image(tmp_path / "file" / "a.png", gradient())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]
    with pytest.raises(ValueError, match="uint8"):
        save_image(tmp_path / "a.png", gradient().astype(float))


def test_an_output_is_checked_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "a.heic", tmp_path / "folder.png", tmp_path / "file" / "a.png"):
        with pytest.raises(OutputError, match="cannot write"):
            check_output(path)
    save_image(tmp_path / "old.png", gradient())
    before = (tmp_path / "old.png").read_bytes()
    check_output(tmp_path / "old.png")
    check_output(tmp_path / "new" / "a.PNG")
    assert (tmp_path / "old.png").read_bytes() == before
    assert not list((tmp_path / "new").iterdir())


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 100))
def test_an_image_is_scaled_down_and_never_up(height: int, width: int, most: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    found = within(image, most)
    assert max(found.shape[:2]) == min(most, max(height, width))
    shrunk = found.shape[0] / height
    assert found.shape[1] == pytest.approx(max(1, width * shrunk), abs=1 + width / height)


def ramps(height: int, width: int) -> np.ndarray:
    """An image that tells where each pixel is: red rises downwards, green to the right, by one a pixel; blue is 7."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y, x, np.full_like(x, 7)], axis=-1).astype(np.uint8)


def test_fit_covers_the_size_and_keeps_the_centre() -> None:
    image = ramps(100, 250)
    assert fit(image, 100, 250) is image
    for height, width, top, left in ((50, 50, 0, 75), (160, 20, 0, 118.75)):
        step = 100 / height  # both are fitted by their height; what is too wide is cut off on both sides
        fitted = fit(image, height, width).astype(float)
        assert fitted.shape == (height, width, 3)
        wanted_y, wanted_x = (
            start + (np.arange(side) + 0.5) * step - 0.5 for start, side in ((top, height), (left, width))
        )
        np.testing.assert_allclose(fitted[..., 0].mean(1), wanted_y, atol=1)
        np.testing.assert_allclose(fitted[..., 1].mean(0), wanted_x, atol=1)
        np.testing.assert_array_equal(fitted[..., 2], 7)


def test_an_image_that_is_scaled_down_stays_upright() -> None:
    found = within(ramps(200, 240), 60).astype(float)
    np.testing.assert_allclose(found[..., 0].mean(1), np.arange(50) * 4 + 1.5, atol=1)
    np.testing.assert_allclose(found[..., 1].mean(0), np.arange(60) * 4 + 1.5, atol=1)


def test_floats_are_rounded_clipped_and_must_be_finite() -> None:
    assert to_uint8(np.array([-3.0, 0.5, 1.5, 254.6, 300.0])).tolist() == [0, 0, 2, 255, 255]
    with pytest.raises(ModelError, match="not finite"):
        to_uint8(np.array([np.nan]))


def color_profile(*columns: tuple[float, float, float], name: str) -> bytes:
    """An ICC profile (version 2, matrix and curves) whose primaries have these XYZ, relative to D50; gamma is 2.2."""

    def fixed(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    about = name.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(about)) + about + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": fixed(0.9642, 1, 0.8249),
        **{letter + b"XYZ": fixed(*column) for letter, column in zip((b"r", b"g", b"b"), columns, strict=True)},
        **{letter + b"TRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, 563) for letter in (b"r", b"g", b"b")},
    }
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4s4s4s4s4s", start + len(data), b"", b"\x02\x10\0\0", b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + data


RED, GREEN, BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_the_colors_of_a_profile_become_those_of_srgb(tmp_path: Path, suffix: str) -> None:
    swapped = color_profile(GREEN, RED, BLUE, name="red is green")
    options = {} if suffix in ("png", "tif") else {"quality": 100}
    path = saved(tmp_path / f"a.{suffix}", Image.new("RGB", (16, 16), (210, 60, 120)), icc_profile=swapped, **options)
    assert np.abs(load_image(path).astype(int) - (60, 210, 120)).max() <= 6  # its curve is near that of sRGB


def test_an_image_in_srgb_keeps_its_values(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(gradient()).save(path, icc_profile=color_profile(RED, GREEN, BLUE, name="sRGB IEC61966-2.1"))
    np.testing.assert_array_equal(load_image(path), gradient())


def test_a_damaged_profile_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(gradient()).save(path, icc_profile=b"no profile")
    with pytest.warns(UserWarning, match=r"colour profile in .*a.png cannot be read .*taken as sRGB"):
        np.testing.assert_array_equal(load_image(path), gradient())


@needs_heif
def test_a_photograph_of_a_phone_is_read(tmp_path: Path) -> None:
    # 48x32, to be turned to the right, with the profile above: left (210, 60, 120), right (60, 60, 200).
    image = load_image(shutil.copy(HERE / "phone.heic", tmp_path / "a.HEIC")).astype(int)
    assert image.shape == (48, 32, 3)
    assert np.abs(image[:20] - (60, 210, 120)).max() <= 8
    assert np.abs(image[28:] - (60, 60, 200)).max() <= 8
    assert list_images(tmp_path) == [tmp_path / "a.HEIC"]


@needs_heif
def test_a_photograph_of_a_phone_is_refused_as_others_are(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="more than 8 bits a channel"):
        load_image(HERE / "deep.heic")
    (tmp_path / "a.heic").write_bytes((HERE / "phone.heic").read_bytes()[:-100])
    with pytest.raises(ImageError, match="is not an image that can be read"):
        load_image(tmp_path / "a.heic")


@pytest.mark.parametrize("suffix", ["heic", "HEIF"])
def test_without_its_library_heic_is_refused_by_name(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    path = shutil.copy(HERE / "phone.heic", tmp_path / f"a.{suffix}")
    with pytest.raises(ImageError, match=r"is HEIC, which takes pi-heif, .* pip install 'pi-heif>=1.0'"):
        load_image(path)
