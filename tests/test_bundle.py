"""Bundles vouch for every byte of themselves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_pipeline.base.files import files_of, sha256
from export_pipeline.bundle import MANIFEST, MEASURED, Bundle, Manifest
from export_pipeline.errors import BundleError, CheckFailed
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import image_to_image

CONTENTS = {
    "demo-int8.mlpackage/Manifest.json": b'{"a": 1}',
    "demo-int8.mlpackage/Data/weights/weight.bin": bytes(range(40)),
    "demo-int8.tflite": b"TFL3" + bytes(20),
    "golden/photo.png": b"\x89PNG....",
    "empty.txt": b"",
    "grüße.txt": b"a name that is not ASCII",
    "report.json": b'{"fps": 12.5}',
    "report.md": b"12.5 FPS",
}
OF_ONE_MACHINE = ("report.json", "report.md")


def manifest(folder: Path) -> dict[str, Any]:
    recipe = Recipe.parse({"name": "demo", "export": {"targets": ["mlpackage-int8", "tflite-int8"]}})
    file = "demo-int8.tflite"
    model = ExportedModel(
        target="tflite-int8",
        file=file,
        signature=image_to_image(recipe.export.height, recipe.export.width, "image", "stylized"),
        sha256={file: sha256(folder / file)},
        checkpoint_sha256="0" * 64,
        notes=("instance norms stay float",),
    )
    return {
        "name": recipe.name,
        "recipe": recipe,
        "signature": image_to_image(recipe.export.height, recipe.export.width, "image", "stylized"),
        "models": (model,),
        "min_psnr": {"tflite-int8": 30.0, "mlpackage-int8": 35.25},
        "provenance": {"checkpoint_sha256": "0" * 64, "style": "dripping «paint»"},
    }


def write_contents(folder: Path) -> None:
    for name, data in CONTENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed bundle."""
    write_contents(tmp_path / "demo")
    Bundle.seal(tmp_path / "demo", manifest(tmp_path / "demo"), OF_ONE_MACHINE)
    return tmp_path / "demo"


def check(folder: Path) -> int:
    return Bundle.open(folder).check_files()


def test_a_sealed_bundle_opens_as_it_was_sealed_and_passes(folder: Path) -> None:
    bundle = Bundle.open(folder)
    for key, value in manifest(folder).items():
        assert getattr(bundle.manifest, key) == value
    assert bundle.check_files() == len(CONTENTS) + 2
    assert bundle.model_path(bundle.manifest.models[0]) == folder / "demo-int8.tflite"


def test_each_file_is_in_one_of_the_two_listings(folder: Path) -> None:
    bundle = Bundle.open(folder)
    assert set(bundle.manifest.files) == set(CONTENTS) - set(OF_ONE_MACHINE)
    assert all(bundle.manifest.files[name].bytes == len(CONTENTS[name]) for name in bundle.manifest.files)


def test_a_bundle_may_move(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "other_name")
    assert check(moved) == len(CONTENTS) + 2
    assert str(folder.parent) not in (moved / MANIFEST).read_text()


def test_sealing_equal_folders_gives_equal_bytes(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "made_later"
    write_contents(other)
    Bundle.seal(other, manifest(other), OF_ONE_MACHINE)
    for listing in (MANIFEST, MEASURED):
        assert (other / listing).read_bytes() == (folder / listing).read_bytes()


def test_sealing_again_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in files_of(folder)}
    Bundle.seal(folder, manifest(folder), OF_ONE_MACHINE)
    assert {path: path.read_bytes() for path in files_of(folder)} == before
    check(folder)


def test_the_manifest_does_not_depend_on_what_one_machine_measured(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "slower"
    write_contents(other)
    (other / "report.json").write_bytes(b'{"fps": 3.5}')
    Bundle.seal(other, manifest(other), OF_ONE_MACHINE)
    assert (other / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes()
    assert (other / MEASURED).read_bytes() != (folder / MEASURED).read_bytes()


def test_a_manifest_survives_json(folder: Path) -> None:
    found = Bundle.open(folder).manifest
    assert Manifest.model_validate_json(found.model_dump_json()) == found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_flipping_any_bits_of_any_byte_of_any_file_is_found(folder: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in files_of(folder) if path.stat().st_size]))
    good = path.read_bytes()
    at, bits = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(good[:at] + bytes([good[at] ^ bits]) + good[at + 1 :])
    try:
        with pytest.raises(CheckFailed) as caught:
            check(folder)
    finally:
        path.write_bytes(good)
    assert path.name in str(caught.value)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("listing", [MANIFEST, MEASURED])
def test_every_byte_of_a_listing_counts(folder: Path, listing: str) -> None:
    good = (folder / listing).read_bytes()
    for at in range(0, len(good), 1 + len(good) // 400):
        (folder / listing).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(CheckFailed):
            check(folder)


@pytest.mark.parametrize("name", [*CONTENTS, MANIFEST, MEASURED])
def test_a_file_cut_short_or_grown_is_found(folder: Path, name: str) -> None:
    good = (folder / name).read_bytes()
    for bad in ([good[:-1]] if good else []) + [good + b"\n", good + b"\0"]:
        (folder / name).write_bytes(bad)
        with pytest.raises(CheckFailed):
            check(folder)


@pytest.mark.parametrize("name", [*CONTENTS, MEASURED])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckFailed, match=f"{name} is missing"):
        check(folder)


@pytest.mark.parametrize("name", [".DS_Store", "notes.txt", "demo-int8.mlpackage/Data/more.bin", "empty/manifest.json"])
def test_a_surplus_file_is_named(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    with pytest.raises(CheckFailed, match=f"{name} is not listed"):
        check(folder)


def test_everything_that_is_wrong_is_named_at_once(folder: Path) -> None:
    (folder / "surplus").touch()
    (folder / "report.md").unlink()
    (folder / "demo-int8.tflite").write_bytes(b"")
    with pytest.raises(CheckFailed) as caught:
        check(folder)
    for part in ("surplus is not listed", "report.md is missing", "demo-int8.tflite has changed"):
        assert part in str(caught.value)


def swap_two_files(folder: Path) -> None:
    one, two = folder / "report.md", folder / "golden/photo.png"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def forget_the_digest(folder: Path) -> None:
    """Someone edits the manifest and leaves the digest empty, as it is for the hashing."""
    text = (folder / MANIFEST).read_text().replace("30.0", "3.0")
    digest = Bundle.open(folder).manifest.digest
    (folder / MANIFEST).write_text(text.replace(digest, ""))


def exchange_the_listings(folder: Path) -> None:
    shutil.copy(folder / MEASURED, folder / MANIFEST)


@pytest.mark.parametrize("tamper", [swap_two_files, forget_the_digest, exchange_the_listings])
def test_clever_changes_are_found_too(folder: Path, tamper: Callable[[Path], None]) -> None:
    tamper(folder)
    with pytest.raises(CheckFailed):
        check(folder)


def test_what_is_no_bundle_is_wrong_use_not_a_failed_check(folder: Path, tmp_path: Path) -> None:
    (folder / MANIFEST).unlink()
    for path in (folder, tmp_path / "none", folder / "report.md"):
        with pytest.raises(BundleError, match="is not a bundle") as caught:
            Bundle.open(path)
        assert caught.value.exit_code == 2
