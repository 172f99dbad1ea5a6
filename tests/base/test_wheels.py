"""Pinned wheels: the cache, the download through pip, and what is not the wheel that was asked for."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from export_pipeline.base.wheels import Wheel, cache_folder
from export_pipeline.errors import ImageError

INFO = "tiny_data-1.0.dist-info"


def packed(path: Path, contents: bytes) -> Wheel:
    """Write a wheel ``tiny-data==1.0`` at *path*, which holds *contents*, and give what pins it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("tiny_data/values.bin", contents)
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n")
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{INFO}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel("tiny-data==1.0", path.name, digest, "the tiny values", ImageError)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and pip that knows of the wheels in this folder and of nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("EXPORT_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_wheel_is_fetched_once(index: Path) -> None:
    wheel = packed(index / "tiny_data-1.0-py3-none-any.whl", b"values")
    assert not wheel.at_hand
    path = wheel.fetched()
    assert path == wheel.cached == cache_folder() / wheel.file
    assert wheel.at_hand
    assert wheel.read(path, "tiny_data/values.bin") == b"values"
    (index / wheel.file).unlink()
    assert wheel.fetched() == path


def test_offline_with_an_empty_cache_says_which_file_to_put_where(index: Path) -> None:
    wheel = packed(index / "tiny_data-1.0-py3-none-any.whl", b"values")
    (index / wheel.file).unlink()
    with pytest.raises(ImageError) as caught:
        wheel.fetched(instead=", or name another")
    said, way_out = str(caught.value).splitlines()
    assert said.startswith("the tiny values are not cached and cannot be fetched (ERROR:")
    assert way_out == f"Put {wheel.file} (from PyPI) at {wheel.cached}, or name another."
    assert not cache_folder().exists() or not list(cache_folder().iterdir())


def test_a_cached_file_with_another_hash_is_not_used(index: Path) -> None:
    wheel = packed(index / "tiny_data-1.0-py3-none-any.whl", b"values")
    (index / wheel.file).unlink()
    cache_folder().mkdir()
    wheel.cached.write_bytes(b"something else")
    assert not wheel.at_hand
    with pytest.raises(ImageError, match="damaged in the cache and cannot be fetched"):
        wheel.fetched()


def test_a_download_with_another_hash_is_neither_used_nor_kept(index: Path) -> None:
    wheel = packed(index / "tiny_data-1.0-py3-none-any.whl", b"values")
    packed(index / wheel.file, b"values of somebody else")
    with pytest.raises(ImageError, match="has another SHA-256"):
        wheel.fetched()
    assert not wheel.cached.exists()


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("EXPORT_PIPELINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache/export-pipeline"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg/export-pipeline"
    monkeypatch.setenv("EXPORT_PIPELINE_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


def test_what_is_not_the_wheel_is_refused(tmp_path: Path) -> None:
    wheel = packed(tmp_path / "good.whl", bytes(range(256)) * 9)
    (tmp_path / "text.whl").write_text("no zip")
    damaged = bytearray((tmp_path / "good.whl").read_bytes())
    damaged[60:70] = bytes(10)
    (tmp_path / "damaged.whl").write_bytes(damaged)
    for name, member in (("text", "x"), ("damaged", "tiny_data/values.bin"), ("good", "tiny_data/other.bin")):
        path = tmp_path / f"{name}.whl"
        with pytest.raises(ImageError, match=r"is not the wheel tiny-data==1.0: .* Delete it and try again") as caught:
            wheel.read(path, member)
        assert str(path) in str(caught.value)
