"""Files and the process that reads and runs them: what is damaged, slow or dead is an error of one or two lines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.base.size import size_of
from export_pipeline.errors import ModelError, PipelineError
from export_pipeline.formats import contents_of, interface_of, open_model
from export_pipeline.formats.coreai import asset, contents, library, wire
from export_pipeline.formats.coreai.process import Process
from tests.builds import ROOT
from tests.small_models import HEIGHT, WIDTH, photographs

pytestmark = pytest.mark.skipif(bool(library.missing()), reason=library.missing() or "it is there")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in 8 bits."""
    from tests.export import material

    folder, recipe = tmp_path_factory.mktemp("coreai"), material.recipe(("aimodel-int8",), 32)
    (record,) = material.exported(material.filled("small", alpha=0.1, blocks=0), recipe, folder)
    return folder / record.file


def copied(made: Path, folder: Path) -> Path:
    return Path(shutil.copytree(made, folder / "a.aimodel"))


def test_a_folder_has_no_date_and_no_place_in_it(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == [asset.HASH, asset.PROGRAM, asset.METADATA]
    told = json.loads((made / asset.METADATA).read_text())
    assert set(told) == {"assetVersion", "author", "creatorDefinedMetadata", "modelDescription"}
    program = (made / asset.PROGRAM).read_bytes()
    assert not [word for word in (b"op_id", b".py", str(ROOT).encode(), b"coreai-core") if word in program]


def test_a_program_has_no_operation_but_those_of_its_layers(made: Path) -> None:
    found = contents_of(made).operations
    assert found["conv2d"] == found["blockwise_shift_scale"] == 6
    assert found["reduce_sum"] == 12
    assert found["relu"] == 5
    assert found["transpose"] == 2  # from channels last, and to them
    assert "constant" not in found


def test_norms_of_one_size_are_one_function_that_is_read_as_often_as_it_is_called(made: Path) -> None:
    program = (made / asset.PROGRAM).read_bytes()
    assert [name in program for name in (b"part0", b"part1", b"part2")] == [True, True, False]
    assert contents_of(made).operations["rsqrt"] == 6


def test_functions_that_call_one_another_without_end_are_refused(made: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.formats.coreai.calling", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    path = copied(made, tmp_path)
    (path / asset.HASH).unlink()
    shutil.copy(tmp_path / "once.mlirb", path / asset.PROGRAM)
    assert contents_of(path).operations["exp"] == 2
    for name, told in (("deep", "more than 1,000,000 operations"), ("round", "calls itself")):
        shutil.copy(tmp_path / f"{name}.mlirb", path / asset.PROGRAM)
        with pytest.raises(ModelError, match=told):
            contents_of(path)


@pytest.mark.parametrize("damage", ["no program", "no metadata", "metadata of text", "another hash", "no signature"])
def test_a_damaged_folder_is_told_from_a_whole_one(made: Path, tmp_path: Path, damage: str) -> None:
    path = copied(made, tmp_path)
    if damage == "no program":
        (path / asset.PROGRAM).unlink()
    elif damage == "metadata of text":
        (path / asset.METADATA).write_text("[1, 2")
    elif damage == "another hash":
        (path / asset.HASH).write_bytes(bytes(32))
    else:  # such a file is a foreign one, which can be read
        (path / asset.METADATA).write_text("{}" if damage == "no signature" else '{"author": "someone"}')
        found = interface_of(path)
        assert [port.shape for port in found.inputs] == [(1, 32, 32, 3)]
        assert asset.read_metadata(path).get("signature") is None
        return
    with pytest.raises(ModelError, match=r"a\.aimodel is damaged"):
        interface_of(path)


def test_a_program_changed_at_random_is_an_error_or_another_program(made: Path, tmp_path: Path) -> None:
    """Whatever the library does to its own process, whoever asked goes on."""
    path, random = copied(made, tmp_path), np.random.default_rng(0)
    whole = np.frombuffer((made / asset.PROGRAM).read_bytes(), np.uint8)
    (path / asset.HASH).unlink()
    told = []
    for _ in range(6):
        changed = whole.copy()
        changed[random.integers(0, whole.size, 4)] = random.integers(0, 256, 4)
        (path / asset.PROGRAM).write_bytes(changed.tobytes())
        try:
            contents_of(path)
        except PipelineError as error:
            told.append(str(error))
    assert told
    assert all(len(text.splitlines()) <= 3 for text in told)


def test_a_process_that_takes_too_long_is_ended() -> None:
    with Process() as process, pytest.raises(ModelError, match=r"more than 0\.01 seconds and was ended"):
        process.ask({"do": "read", "path": "nowhere"}, seconds=0.01)


def test_a_process_that_dies_is_told_of_and_stays_dead(made: Path) -> None:
    with Process() as process:
        process._process.kill()
        for _ in range(2):
            with pytest.raises(ModelError, match=r"Core AI ended its process \(SIGKILL\)"):
                process.ask({"do": "read", "path": str(made / asset.PROGRAM)})


def test_an_input_of_another_shape_or_type_is_refused(made: Path) -> None:
    runtime = open_model(made, threads=1)
    assert runtime.name.startswith("Core AI")
    assert runtime.version[0].isdigit()
    for array in (np.zeros((1, 16, 32, 3), np.float32), np.zeros((1, 32, 32, 3), np.float64)):
        with pytest.raises(ModelError, match=r"takes float32 1x32x32x3; got "):
            runtime.run({"image": array})


def test_messages_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "message"
    with path.open("wb") as stream:
        wire.send(stream, {"do": "run"}, [np.arange(6, dtype=np.float16).reshape(2, 3)])
    whole = path.read_bytes()
    with path.open("rb") as stream:
        message, (array,) = wire.receive(stream) or ({}, [np.zeros(0)])
        assert (message, array.shape, array.dtype) == ({"do": "run"}, (2, 3), np.float16)
        assert wire.receive(stream) is None
    for wrong in (whole[:-1], b"none" + whole[4:], whole.replace(b"float16", b"object ")):
        path.write_bytes(wrong)
        with path.open("rb") as stream, pytest.raises(ValueError, match=r"cut off|no message|no array"):
            wire.receive(stream)


def test_tables_and_scales_that_do_not_fit_are_refused() -> None:
    def operation(name: str, number: int, operands: list[int], dtype: str = "float16", array: int | None = None) -> Any:
        made = [{"number": number, "shape": [], "dtype": dtype}]
        return {"name": name, "operands": operands, "results": made, "array": array, "repeated": False}

    def program(name: str, arrays: list[np.ndarray]) -> contents.Program:
        given = [operation("constant", index, [], array.dtype.name, index) for index, array in enumerate(arrays)]
        unpacked = operation(name, len(arrays), list(range(len(arrays))))
        function = {"name": "main", "inputs": [], "outputs": [], "operations": [*given, unpacked]}
        return contents.Program({"functions": [function]}, arrays)

    indices, axis = np.full((2, 3), 7, np.uint8), np.zeros((), np.int16)
    with pytest.raises(ModelError, match="table of its program does not fit"):
        _ = program("lut_to_dense", [indices, np.zeros((1, 1, 4, 1), np.float16), axis]).stored
    scale = np.ones((3, 1), np.float16)
    with pytest.raises(ModelError, match="scale of its program does not fit"):
        _ = program("blockwise_shift_scale", [indices.astype(np.int8), scale, scale.astype(np.int8), scale]).stored
    with pytest.raises(ModelError, match="has no function"):
        contents.Program({"functions": []}, [])


def test_a_library_that_is_not_there_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert library.missing().startswith("coreai-core is not installed: pip install")
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.31"))
    assert "no wheel for glibc 2.31" in library.missing()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "no wheel for Linux on riscv64" in library.missing()
    with pytest.raises(ModelError, match="not installed"):
        Process()


def test_a_network_in_8_bits_is_small(made: Path) -> None:
    assert photographs(1)[0].shape[0] > HEIGHT > WIDTH
    assert size_of(made).bytes < 9_000
