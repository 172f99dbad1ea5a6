"""What cannot be compressed as a recipe says is refused by the build, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline import train
from export_pipeline.cli import main
from export_pipeline.pipeline import opened
from export_pipeline.recipe import Recipe

PRUNED = 'schedule = "constant"\nend_step = 1\nsteps = 1\n'
THREE = "[model]\nalpha = 0.25\nblocks = 3\n"


def build(folder: Path, toml: str) -> int:
    (folder / "recipe.toml").write_text(toml)
    return main(["build", str(folder / "recipe.toml"), "-o", str(folder / "bundle")])


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (f"{THREE}[compress.structured]\nblocks = 9", "compress.structured.blocks is 9; the network has 3"),
        (
            "[model]\nalpha = 0.125\n[compress.structured]\nrounds = 1",
            "rounds is 1, but no layer has more than 4 filters left to take from; widen model.alpha",
        ),
        (
            f'{THREE}[compress]\n{PRUNED}skip = ["block2_a_conv"]\n[compress.structured]\nblocks = 1',
            "compress.skip: 'block2_a_conv' may match nothing, for compress.structured.blocks takes out 1 and the "
            "others are numbered from 0.\nTake it out, or name what is sure to be left: down0_conv, down1_conv, "
            "down2_conv, block0_a_conv, block0_b_conv, block1_a_conv, block1_b_conv, up0_conv, up1_conv, out_conv.",
        ),
        (
            f'{THREE}[compress]\n{PRUNED}layers = {{"block[12]_*" = 0.1}}\n[compress.structured]\nblocks = 2',
            "compress.layers: 'block[12]_*' may match nothing, for compress.structured.blocks takes out 2",
        ),
        (
            f'{THREE}[compress]\nbits = 4\nskip = ["block*"]\n[compress.structured]\nblocks = 3',
            "compress.skip: 'block*' may match nothing, for compress.structured.blocks takes out 3",
        ),
        (
            f'{THREE}[compress]\nbits = 4\nskip = ["[!b]*"]\n[compress.structured]\nblocks = 3',
            "compress.skip leaves out every convolution",
        ),
    ],
    ids=["blocks", "filters", "a block that may go", "a pattern", "all blocks", "nothing left"],
)
def test_a_build_refuses_it_before_training(
    toml: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "train", lambda *_: pytest.fail("it trains"))
    assert build(tmp_path, toml) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


@pytest.mark.parametrize("skip", ["block1_a_conv", "block*", "*_a_conv", "block[12]_b_conv"])
def test_what_is_left_whichever_block_goes_may_be_named(skip: str, tmp_path: Path) -> None:
    compress = {"bits": 4, "skip": [skip], "structured": {"blocks": 1, "rounds": 1}}
    with opened(Recipe.parse({"model": {"blocks": 3}, "compress": compress}), tmp_path / "bundle"):
        pass
