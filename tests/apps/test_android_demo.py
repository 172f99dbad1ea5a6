"""What of the Android demo needs no Android: its rules, its versions, and the count that `make test-android` prints."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.apps.android import FOLDER, Count, Golden, count, main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_LINES = 300
SOURCES = sorted(path for path in FOLDER.rglob("*.kt") if "target" not in path.relative_to(FOLDER).parts)
MAIN = [path for path in SOURCES if "main" in path.relative_to(FOLDER).parts]


def imports(path: Path) -> list[str]:
    return re.findall(r"^import ([\w.]+)", path.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.stem)
def test_the_library_knows_no_android_and_the_app_no_androidx(path: Path) -> None:
    own = "org.exportpipeline."
    allowed = ("java.", "kotlin.", own)
    if path.relative_to(FOLDER).parts[0] == "app":
        allowed += ("android.", "org.tensorflow.lite.")
    assert [name for name in imports(path) if not name.startswith(allowed)] == []
    assert "androidx" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def properties() -> dict[str, str]:
    space = {"": "http://maven.apache.org/POM/4.0.0"}
    found = ElementTree.parse(FOLDER / "pom.xml").getroot().find("properties", space)
    assert found is not None
    return {element.tag.split("}")[1]: element.text or "" for element in found}


def test_both_builds_have_the_same_versions() -> None:
    catalog = tomllib.loads((FOLDER / "gradle" / "libs.versions.toml").read_text(encoding="utf-8"))["versions"]
    pom = properties()
    pairs = [("kotlin.version", "kotlin"), ("jvm.target", "jvm"), ("min.sdk", "min-sdk"), ("target.sdk", "target-sdk")]
    assert {pom[here] == catalog[there] for here, there in pairs} == {True}
    assert all(re.fullmatch(r"[\d.]+", version) for version in catalog.values()), "pinned"


def test_the_example_of_the_readme_is_one_that_is_compiled_and_run() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    example = FOLDER / "core" / "src" / "test" / "kotlin" / "org" / "exportpipeline" / "core" / "ReadmeExample.kt"
    assert re.findall(r"```kotlin\n(.*?)```", page, re.S) == [example.read_text(encoding="utf-8").split("\n\n", 2)[2]]


def test_links_of_the_readme_lead_somewhere() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", page)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_models_are_not_in_git_twice() -> None:
    assert not [path for path in FOLDER.rglob("*.tflite") if "target" not in path.relative_to(FOLDER).parts]


class Machine:
    """Answers as Java and Maven would; *effect* is what Maven leaves."""

    def __init__(self, status: int = 0, text: str = "", java: str = "17.0.1", reports: Sequence[str] = ()) -> None:
        self.status, self.text, self.java, self.reports = status, text, java, reports
        self.commands: list[Sequence[str]] = []

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        self.commands.append(command)
        if command[0] == "java":
            return 0, f'openjdk version "{self.java}" 2025-01-01'
        folder = Path(command[command.index("-f") + 1])
        for number, attributes in enumerate(self.reports):
            report = folder / "core" / "target" / "surefire-reports" / f"TEST-{number}.xml"
            report.parent.mkdir(parents=True, exist_ok=True)
            report.write_text(f"<testsuite {attributes}/>")
        return self.status, self.text


PASSED = 'tests="5" failures="0" errors="0" skipped="1"'
FAILED = 'tests="4" failures="1" errors="1" skipped="0"'


def everything(name: str) -> str | None:
    return f"/usr/bin/{name}"


def test_without_a_toolchain_it_says_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine()
    assert main(tmp_path, machine.run, which=lambda name: None if name in ("mvn", "aapt2") else name) == 0
    assert "SKIPPED: no mvn, aapt2 here" in capsys.readouterr().out
    assert main(tmp_path, Machine(java="11.0.2").run, everything) == 0
    out = capsys.readouterr().out
    assert "SKIPPED: Java 17 or later is needed, not 11" in out
    assert "passed" not in out


def test_without_maven_central_it_says_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, Machine(1, "[ERROR] Could not transfer artifact x").run, everything) == 0
    assert "SKIPPED: Maven Central" in capsys.readouterr().out
    # Tests that ran and failed are no matter of the network.
    assert main(tmp_path, Machine(1, "Connection refused", reports=[FAILED]).run, everything) == 1


def test_it_counts_and_fails_where_a_test_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, Machine(1, "[ERROR] no", reports=[PASSED, FAILED]).run, everything) == 1
    out = capsys.readouterr().out
    assert "9 tests run" in out
    assert out.endswith("6 passed, 2 failed, 1 skipped\n")


def test_results_of_before_do_not_count(tmp_path: Path) -> None:
    assert main(tmp_path, Machine(reports=[PASSED]).run, everything) == 0
    assert main(tmp_path, Machine().run, everything) == 1, "no test ran"
    assert count(tmp_path).run == 0


@pytest.mark.parametrize(
    ("psnr", "good"), [(34.1, True), (30.0, True), (29.9, False), (float("nan"), False)], ids=lambda value: str(value)
)
def test_a_golden_picture_below_its_tolerance_is_no_pass(psnr: float, good: bool) -> None:
    done = Count(1, 2, 0, 0, (Golden("a", psnr, 30.0), Golden("b", 60.0, 45.0)))
    assert done.good is good
    assert f"worst {psnr:.2f} dB (a)" in done.lines()[0] or psnr != psnr


def test_golden_pictures_that_were_not_compared_are_skipped() -> None:
    assert "golden pictures SKIPPED" in Count(1, 2, 0, 1, ()).lines()[0]
