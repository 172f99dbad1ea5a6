"""The command line as its users meet it: results, messages, exit codes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.files import files_of
from export_pipeline.cli import COMMANDS, main
from tests.builds import COMMITTED, ROOT

MODELS = sorted(path for path in COMMITTED.iterdir() if path.suffix in (".mlpackage", ".mlmodel", ".tflite", ".onnx"))
PHOTO = COMMITTED / "golden" / "photo.png"


def test_the_committed_bundle_has_every_target() -> None:
    assert len(MODELS) == 7


def test_every_verb_has_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["nothing"])
    choices = capsys.readouterr().err.split("choose from ")[1].split(")")[0]
    assert re.findall(r"\w+", choices) == list(COMMANDS)


def test_list_names_networks_targets_and_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["networks"] == ["johnson", "small"]
    assert "demo" in found["recipes"]
    assert "mlpackage-int8" in found["targets"]


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_inspect_shows_each_format(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["signature"]["input_name"] == "image"
    assert found["contents"]["parameters"] >= 11_868
    assert main(["inspect", str(model)]) == 0
    assert model.name in capsys.readouterr().out


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_stylize_runs_each_format(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.png"
    assert main(["stylize", str(model), str(PHOTO), "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == str(out)
    made, expected = (np.asarray(Image.open(path), np.float64) for path in (out, COMMITTED / "golden" / "float.png"))
    assert made.shape == expected.shape
    assert 20 * np.log10(255 / np.sqrt(np.mean((made - expected) ** 2)) + 1e-9) > 28


def test_stylize_says_when_it_resizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (100, 50), "red").save(tmp_path / "photo.png")
    assert main(["stylize", str(MODELS[0]), str(tmp_path / "photo.png"), "-o", str(tmp_path / "out.png")]) == 0
    assert "100x50 resized and cropped" in capsys.readouterr().err


def test_benchmark_labels_what_it_measures(capsys: pytest.CaptureFixture[str]) -> None:
    tflite = [str(path) for path in MODELS if path.name.endswith("dynamic.tflite")]
    assert main(["benchmark", *tflite, "--threads", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["runs"] == 30
    assert row["threads"] == 1
    assert row["median_ms"] > 0
    assert row["runtime"] == "LiteRT"


def test_verify_passes_the_committed_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(COMMITTED), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in rows] == ["passed"] * len(MODELS)


@pytest.mark.parametrize("file", [path.relative_to(COMMITTED).as_posix() for path in files_of(COMMITTED)])
def test_verify_fails_when_a_byte_of_any_file_flips(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    target = tmp_path / "bundle" / file
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    assert main(["verify", str(tmp_path / "bundle")]) == 1
    assert file in capsys.readouterr().err


def test_report_shows_the_one_in_the_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(COMMITTED)]) == 0
    shown = capsys.readouterr().out
    assert "mlpackage-int8" in shown
    assert "PASSED" in shown


def bad_images(folder: Path) -> dict[str, Path]:
    """Files that are not the images they claim to be."""
    text = folder / "text.jpg"
    text.write_text("not a picture")
    truncated = folder / "truncated.png"
    truncated.write_bytes(PHOTO.read_bytes()[:2000])
    animated = folder / "animated.gif"
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    frames[0].save(animated, save_all=True, append_images=frames[1:])
    cmyk, deep, clear = folder / "cmyk.tif", folder / "deep.png", folder / "clear.png"
    Image.new("CMYK", (32, 32)).save(cmyk)
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(deep)
    Image.new("RGBA", (32, 32), (9, 9, 9, 0)).save(clear)
    found = {"text": text, "truncated": truncated, "animated": animated, "missing": folder / "missing.png"}
    return {**found, "cmyk": cmyk, "deep": deep, "clear": clear}


@pytest.mark.parametrize("kind", ["text", "truncated", "animated", "missing", "cmyk", "deep", "clear"])
def test_bad_image_is_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = bad_images(tmp_path)[kind]
    assert main(["stylize", str(MODELS[0]), str(image), "-o", str(tmp_path / "out.png")]) == 2
    message = capsys.readouterr().err
    assert str(image) in message
    assert len(message.splitlines()) <= 2
    assert not (tmp_path / "out.png").exists()


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that must end as bad input does."""
    assert main(arguments) == 2, arguments
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert "fault of ours" not in message
    assert len(message.splitlines()) <= 2, message
    return message


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def bad_files(folder: Path, suffix: str) -> list[Path]:
    """A foreign file, and half of one where the bundle has one."""
    foreign = folder / f"foreign{suffix}"
    foreign.write_bytes(b"this is not a model" * 100)
    bad = [foreign]
    for whole in [path for path in MODELS if path.suffix == suffix][:1]:
        bad.append(Path(shutil.copy(whole, folder / f"truncated{suffix}")))
        cut_in_half(bad[-1])
    return bad


def bad_packages(folder: Path) -> list[Path]:
    """An empty package, a file in its place, and packages with parts that are cut or missing."""
    empty, file = folder / "empty.mlpackage", folder / "file.mlpackage"
    empty.mkdir()
    file.write_bytes(b"this is not a model")
    bad = [empty, file]
    for whole in [path for path in MODELS if path.suffix == ".mlpackage"]:
        for part in files_of(whole):
            for damage in (cut_in_half, Path.unlink):
                bad.append(folder / f"{damage.__name__}-{part.stem}-{whole.name}")
                shutil.copytree(whole, bad[-1])
                damage(bad[-1] / part.relative_to(whole))
    return bad


@pytest.mark.parametrize("suffix", [".mlpackage", ".mlmodel", ".tflite", ".onnx", ".keras"])
@pytest.mark.parametrize("verb", ["inspect", "stylize"])
def test_foreign_truncated_and_incomplete_models_are_refused(
    verb: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = [str(PHOTO), "-o", str(tmp_path / "out.png")] if verb == "stylize" else []
    for model in bad_packages(tmp_path) if suffix == ".mlpackage" else bad_files(tmp_path, suffix):
        assert model.name in refused([verb, str(model), *rest], capsys)
    assert not (tmp_path / "out.png").exists()


def test_output_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["stylize", str(MODELS[0]), str(PHOTO), "-o", str(tmp_path / "file" / "out.png")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_plan_for_no_bytes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "demo", "--bytes", "0"]) == 2
    assert "--bytes is 0; it must be 1 or more" in capsys.readouterr().err


def test_unknown_recipe_gets_its_near_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "dmeo"]) == 2
    assert "did you mean 'demo'?" in capsys.readouterr().err


def test_bad_recipe_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[model]\nalfa = 0.3\n")
    assert main(["build", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "did you mean 'alpha'?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_verify_of_a_folder_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "not a bundle" in capsys.readouterr().err


def test_compare_judges_models_on_the_same_photographs(
    tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(PHOTO).save(tmp_path / "photo.png")
    model = next(str(path) for path in MODELS if path.suffix == ".onnx")
    style = ["--style", str(PHOTO), "--photographs", str(tmp_path), "--vgg-weights", str(vgg_file)]
    assert main(["compare", model, *style, "--json"]) == 0
    untouched, ours = json.loads(capsys.readouterr().out)
    assert untouched["content_distance"] == 0
    assert ours["content_distance"] > 0
    assert ours["bytes"] == Path(model).stat().st_size


@pytest.mark.parametrize("wrong", ["style", "no photographs", "no folder", "photographs", "model", "weights"])
def test_compare_refuses_bad_input(
    wrong: str, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs, empty = tmp_path / "photographs", tmp_path / "empty"
    for folder in (photographs, empty):
        folder.mkdir()
    shutil.copy(PHOTO, photographs)
    if wrong == "photographs":
        (photographs / "text.png").write_text("not a picture")
    folder = {"no photographs": empty, "no folder": tmp_path / "missing"}.get(wrong, photographs)
    style = tmp_path / "missing.png" if wrong == "style" else PHOTO
    model = tmp_path / "missing.onnx" if wrong == "model" else MODELS[0]
    weights = tmp_path / "missing.npz" if wrong == "weights" else vgg_file
    options = ["--style", str(style), "--photographs", str(folder), "--vgg-weights", str(weights)]
    assert str(tmp_path) in refused(["compare", str(model), *options], capsys)


def test_doctor_finds_this_environment_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} >= {"Python", "tensorflow", "VGG-19 weights"}


def test_changelog_names_the_version() -> None:
    from export_pipeline import __version__

    assert f"[{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "resumed"),
    [
        (("distill", "some.toml", "-o", "x.weights"), True),
        (("verify", "demo"), True),
        (("verify", str(COMMITTED)), False),
        (("quantize", "some.npz", "--bits", "4"), False),
    ],
)
def test_an_interrupt_tells_what_is_kept(
    arguments: tuple[str, ...], resumed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, arguments[0], interrupted)
    assert main(list(arguments)) == 130
    told = "the same command goes on where it was" if resumed else "start it again"
    assert capsys.readouterr().err == f"export-pipeline: interrupted; {told}\n"
