"""What must hold of the README files as texts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from export_pipeline.cli import parser
from export_pipeline.recipe import Recipe
from export_pipeline.verbs import NAMES, all_verbs
from tests.builds import ROOT
from tests.readme.blocks import PARTS, README, Block, blocks, of_language

MOST_BYTES = 10_000
STAGES = ("Train", "Compress", "Export", "Verify", "Report")
PAGES = sorted(
    path
    for folder in ("artifacts", "export_pipeline", "ios_demo", "models")
    for path in (ROOT / folder).rglob("README.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
PAGES = [README, *PAGES]
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def commands(page: Path) -> list[str]:
    """The commands of ours in every block of *page*."""
    shells = [block for block in blocks(page) if block.language in ("sh", "bash", "console")]
    return [command for block in shells for command in block.commands if command.startswith("export-pipeline ")]


def slug(heading: str) -> str:
    """The anchor of *heading*."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= MOST_BYTES


def test_stages_have_a_heading_each_in_order() -> None:
    headings = re.findall(r"^## (.*)$", README.read_text(encoding="utf-8"), re.M)
    assert [heading for heading in headings if heading in STAGES] == list(STAGES)


@pytest.mark.parametrize("block", of_language("sh"), ids=str)
def test_each_block_is_run_by_one_part(block: Block) -> None:
    assert sum(block.heading in headings for headings in PARTS.values()) == 1


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_blocks_and_a_file_that_runs_them(part: str) -> None:
    found = {block.heading for block in of_language("sh")}
    assert set(PARTS[part]) <= found
    assert f'of_part("{part}")' in (Path(__file__).parent / f"test_{part}.py").read_text(encoding="utf-8")


@EVERY_PAGE
def test_commands_are_those_of_the_command_line(page: Path) -> None:
    assert commands(README)
    for command in commands(page):
        words = shlex.split(command)
        parser(all_verbs()).parse_args(words[1 : words.index(">") if ">" in words else None])


def test_every_verb_is_mentioned() -> None:
    text = README.read_text(encoding="utf-8")
    others = [verb for verb in NAMES if verb.capitalize() not in STAGES]
    assert not [verb for verb in others if f"export-pipeline {verb}" not in text and f"`{verb}`" not in text]


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert anchor in map(slug, headings), link


def test_the_recipe_is_one(tmp_path: Path) -> None:
    (example,) = of_language("toml")
    (tmp_path / "mosaic.toml").write_text(example.text)
    assert Recipe.load(tmp_path / "mosaic.toml").name == "mosaic"
