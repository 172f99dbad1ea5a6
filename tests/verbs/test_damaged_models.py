"""Models that are no models, or only parts of some: the verbs that read them refuse them in two lines at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verbs.material import MODELS, PHOTO, bad_files, bad_packages, refused


def test_the_committed_bundle_has_every_target() -> None:
    assert len(MODELS) == 7


@pytest.mark.parametrize("suffix", [".mlpackage", ".mlmodel", ".tflite", ".onnx", ".keras"])
@pytest.mark.parametrize("verb", ["inspect", "stylize"])
def test_foreign_truncated_and_incomplete_models_are_refused(
    verb: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = [str(PHOTO), "-o", str(tmp_path / "out.png")] if verb == "stylize" else []
    for model in bad_packages(tmp_path) if suffix == ".mlpackage" else bad_files(tmp_path, suffix):
        assert model.name in refused([verb, str(model), *rest], capsys)
    assert not (tmp_path / "out.png").exists()
