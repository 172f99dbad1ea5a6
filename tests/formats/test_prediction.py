"""Outputs of any model as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from export_pipeline.formats.prediction import write_outputs


def test_names_out_of_a_file_stay_inside_the_folder(tmp_path: Path) -> None:
    files = write_outputs({"../../evil": Image.new("RGB", (4, 4))}, tmp_path / "out")
    assert [path.parent for path in files.values()] == [tmp_path / "out"]
    assert not list(tmp_path.glob("*evil*"))


def test_arrays_may_have_any_name(tmp_path: Path) -> None:
    arrays = {name: np.full(2, number, np.float16) for number, name in enumerate(["file", "allow_pickle", "a/b"])}
    write_outputs(arrays, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert {name: float(found[name][0]) for name in found} == {"file": 0, "allow_pickle": 1, "a/b": 2}
