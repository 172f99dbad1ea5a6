from __future__ import annotations

import hashlib
import platform
import socket
import subprocess
import sys

import numpy as np
import pytest

from export_pipeline.tasks.builtin import photographs, style_image

SHA256 = "586323b9847fe76b3a1082f282cca1dcb753e8c285b1fce76b22fac793bddf3a"
# Height and width of each photograph.
SIZES = {
    "astronaut": (512, 512),
    "chelsea": (300, 451),
    "china": (427, 640),
    "coffee": (400, 600),
    "flower": (427, 640),
    "motorcycle": (500, 741),
    "rocket": (427, 640),
}


def sha256(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def test_style_image_has_the_size_asked_for() -> None:
    assert style_image().shape == (512, 512, 3)
    for size in (64, 200, 1500):
        image = style_image(size)
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8


def test_style_image_is_the_same_in_a_fresh_process_and_soon_there() -> None:
    program = (
        "import hashlib, time; from export_pipeline.tasks.builtin import style_image; start = time.process_time(); "
        "print(hashlib.sha256(style_image().tobytes()).hexdigest(), time.process_time() - start)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    fresh, seconds = done.stdout.split()
    assert fresh == sha256(style_image())
    assert float(seconds) < 5


@pytest.mark.skipif(
    platform.system() != "Linux", reason="Pillow draws lines in C floats, which compilers may fuse elsewhere"
)
def test_style_image_is_the_recorded_one() -> None:
    assert sha256(style_image()) == SHA256


def test_style_image_can_be_changed_without_harm() -> None:
    style_image()[:] = 0
    assert style_image().any()


def test_style_image_is_vivid_and_textured_at_several_scales() -> None:
    image = style_image().astype(float)
    saturation = (image.max(-1) - image.min(-1)).mean()
    assert saturation > 60
    for cell in (1, 4, 16, 64):
        small = image.reshape(512 // cell, cell, 512 // cell, cell, 3).mean((1, 3)).mean(-1)
        assert np.abs(np.diff(small, axis=0)).mean() > 8, cell
        assert np.abs(np.diff(small, axis=1)).mean() > 8, cell


def test_style_image_has_both_night_and_light() -> None:
    image = style_image().astype(int)
    blue = (image[..., 2] > image[..., 0] + 30).mean()
    warm = (image[..., 0] > image[..., 2] + 30).mean()
    assert 0.25 < blue < 0.65
    assert 0.25 < warm < 0.65


def test_photographs_come_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = photographs()
    assert list(found) == sorted(SIZES)
    for name, image in found.items():
        assert image.shape == (*SIZES[name], 3)
        assert image.dtype == np.uint8
        assert image.std() > 30
