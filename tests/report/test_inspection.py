"""``inspect`` on containers of weights; on models it is tested with their contents."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from export_pipeline import coding
from export_pipeline.cli import main
from export_pipeline.errors import ModelError
from export_pipeline.report import ContainerInspection, inspect, inspection_text, size_of

RANDOM = np.random.default_rng(0)
DENSE = RANDOM.standard_normal((3, 3, 8, 16)).astype(np.float32)
FEW = RANDOM.choice(np.array([-0.5, 0.25, 1], np.float32), DENSE.shape)
SPARSE = np.where(RANDOM.random(DENSE.shape) < 0.8, np.float32(0), DENSE)
TENSORS = {
    "dense": DENSE,
    "few": coding.coded(FEW),
    "sparse": SPARSE,
    "few and sparse": coding.coded(np.where(SPARSE == 0, np.float32(0), FEW)),
    "none": np.zeros((0, 4), np.float32),
    "steps\x1b": np.array([1, 0, 2]),
}


@pytest.fixture
def container(tmp_path: Path) -> Path:
    path = tmp_path / f"net{coding.SUFFIX}"
    coding.write(path, TENSORS)
    return path


def test_a_container_tells_its_tensors_and_their_forms(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(container), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in found["tensors"]}
    arrays = coding.read(container)
    assert list(rows) == list(TENSORS)
    for name, row in rows.items():
        assert (tuple(row["shape"]), row["dtype"]) == (arrays[name].shape, arrays[name].dtype.name)
        assert row["zeros"] == int((arrays[name] == 0).sum())
    assert [row["table"] for row in rows.values()] == [None, 3, None, 4, None, None]
    assert [row["form"] for row in rows.values()][:2] == ["dense", "dense"]
    assert "dense" not in (rows["sparse"]["form"], rows["few and sparse"]["form"])
    assert (rows["few"]["stored"], rows["dense"]["stored"]) == ("float16", "float32")
    assert 0 < rows["few and sparse"]["bytes"] < rows["few"]["bytes"] < rows["dense"]["bytes"]
    assert sum(row["bytes"] for row in rows.values()) < found["size"]["bytes"] == container.stat().st_size
    assert found["parameters"] == 4 * DENSE.size + 3
    assert found["memory_bytes"] == 16 * DENSE.size + 24


def test_a_container_is_shown_as_a_table(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = inspect(container)
    assert seen.size == size_of(container)
    assert ContainerInspection.model_validate_json(seen.model_dump_json()) == seen
    assert main(["inspect", str(container)]) == 0
    shown = capsys.readouterr().out
    assert shown == inspection_text(seen) + "\n"
    (line,) = (line for line in shown.splitlines() if line.startswith("few and sparse"))
    assert "3x3x8x16" in line
    assert "sparse by " in line
    assert f"{(SPARSE == 0).mean():.1%}" in line
    assert "\x1b" not in shown


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "missing"])
def test_a_damaged_container_is_refused(damage: str, container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(container.read_bytes())
    if damage == "missing":
        container.unlink()
    elif damage == "foreign":
        container.write_bytes(b"PK" + bytes(100))
    else:
        data[len(data) // 2] ^= 1
        container.write_bytes(data[:-1] if damage == "cut" else data)
    assert main(["inspect", str(container), "--json"]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert f"{container} cannot be read" in told.err
    assert len(told.err.splitlines()) <= 2


def test_a_file_of_no_format_is_told_of_all_that_can_be_inspected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'\.txt'; allowed: \.aimodel, .*\.safetensors, \.tflite, \.weights$"):
        inspect(tmp_path / "notes.txt")
