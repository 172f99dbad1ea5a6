"""The table of targets, and what is read off it."""

from __future__ import annotations

import re

import pytest

from export_pipeline.formats import WrittenFormat, format_of
from export_pipeline.recipe import CompressTable, default_targets
from export_pipeline.targets import TARGETS, table
from tests.builds import ROOT, run

README = ROOT / "README.md"


@pytest.mark.parametrize("name", TARGETS)
def test_a_row_is_whole(name: str) -> None:
    target = TARGETS[name]
    assert target.name == name
    assert target.file_name("demo") == f"demo-{name.split('-')[1]}.{target.format}"
    kind = format_of(target.file_name("demo"))
    assert isinstance(kind, WrittenFormat)
    assert f".{target.format}" in kind.suffixes
    assert target.widths == tuple(sorted(target.widths))
    assert bool(target.widths) == ("clusters" in target.needs)
    assert target.exact == bool(target.needs)
    assert len(target.reason) > 20
    assert target.purpose


def test_files_have_different_names() -> None:
    assert len({target.file_name("demo") for target in TARGETS.values()}) == len(TARGETS)


def test_a_recipe_without_targets_makes_what_has_all_that_it_needs() -> None:
    plain = default_targets(CompressTable())
    assert plain == tuple(name for name, target in TARGETS.items() if target.default and not target.needs)
    both = default_targets(CompressTable(bits=4, schedule="constant", steps=100))
    assert both == tuple(name for name, target in TARGETS.items() if target.default)


def test_list_names_them() -> None:
    assert f"targets: {', '.join(TARGETS)}\n" in run("list").stdout


def test_the_readme_has_the_table(request: pytest.FixtureRequest) -> None:
    """``make golden`` writes it anew."""
    text = README.read_text(encoding="utf-8")
    marked = re.compile(r"(?<=<!-- targets -->\n).*?(?=\n<!-- end of targets -->)", re.DOTALL)
    if request.config.getoption("--update-golden"):
        README.write_text(marked.sub(lambda _: table(), text), encoding="utf-8")
    assert marked.findall(README.read_text(encoding="utf-8")) == [table()]
