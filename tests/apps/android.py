"""``make test-android``: compile and test ``android_demo`` with Maven, and count what was done.

On a machine without the toolchain it says SKIPPED and why. What was skipped is never counted as passed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

FOLDER = Path(__file__).parents[2] / "android_demo"
MODULES = ("core", "app")
LEAST_JAVA = 17
UNREACHABLE = re.compile(
    r"Could not transfer artifact|Cannot access central|Unknown host|Connection (refused|timed out)"
)
# Modest, for it may share the machine: one process for Maven and the compiler, one for the tests.
MAVEN_OPTIONS = "-Xmx1g -XX:+UseSerialGC"
Run = Callable[[Sequence[str]], tuple[int, str]]


@dataclass(frozen=True)
class Golden:
    """A golden picture that was compared: how near, in dB, and how near it must be."""

    file: str
    psnr: float
    min_psnr: float


@dataclass(frozen=True)
class Count:
    """What was done."""

    compiled: int
    run: int
    failed: int
    skipped: int
    goldens: tuple[Golden, ...]

    @property
    def good(self) -> bool:
        """Whether something ran and nothing failed."""
        return self.run > self.skipped and not self.failed and all(row.psnr >= row.min_psnr for row in self.goldens)

    def lines(self) -> list[str]:
        """In words; the last line is the one that tools read."""
        if self.goldens:
            worst = min(self.goldens, key=lambda row: row.psnr)
            nearest = min(self.goldens, key=lambda row: row.psnr - row.min_psnr)
            goldens = f"{len(self.goldens)} golden pictures compared, worst {worst.psnr:.2f} dB ({worst.file}), "
            goldens += f"least room {nearest.psnr - nearest.min_psnr:.2f} dB above its tolerance ({nearest.file})"
        else:
            goldens = "golden pictures SKIPPED: no libLiteRt.so; install ai-edge-litert (make setup)"
        passed = self.run - self.failed - self.skipped
        return [
            f"android_demo: {self.compiled} files compiled, {self.run} tests run, {goldens}",
            f"{passed} passed, {self.failed} failed, {self.skipped} skipped",
        ]


def missing(run: Run, which: Callable[[str], str | None] = shutil.which) -> str:
    """What the machine lacks, with what to do; empty where nothing is lacking."""
    lacking = [name for name in ("java", "mvn", "aapt2") if not which(name)]
    if lacking:
        return f"no {', '.join(lacking)} here. On Debian: apt-get install openjdk-17-jdk-headless maven aapt"
    found = re.search(r'version "(\d+)', run(("java", "-version"))[1])
    if not found or int(found[1]) < LEAST_JAVA:
        return f"Java {LEAST_JAVA} or later is needed, not {found[1] if found else 'this one'}"
    return ""


def litert_library() -> Path | None:
    """LiteRT's C library in the Python package, or ``None``."""
    package = importlib.util.find_spec("ai_edge_litert")
    for folder in package.submodule_search_locations or () if package else ():
        if (library := Path(folder) / "libLiteRt.so").is_file():
            return library
    return None


def count(folder: Path) -> Count:
    """What Maven left in *folder*: the results of every test, and the golden pictures."""
    compiled = run = failed = skipped = 0
    for module in MODULES:
        compiled += sum(1 for end in ("kt", "java") for _ in (folder / module / "src").rglob(f"*.{end}"))
        compiled += sum(1 for _ in (folder / module / "src" / "main").rglob("*.xml"))
        for report in sorted((folder / module / "target" / "surefire-reports").glob("TEST-*.xml")):
            suite = ElementTree.parse(report).getroot()
            run += int(suite.attrib["tests"])
            failed += int(suite.attrib["failures"]) + int(suite.attrib["errors"])
            skipped += int(suite.attrib["skipped"])
    record = folder / "core" / "target" / "goldens.json"
    rows = json.loads(record.read_bytes()) if record.is_file() else []
    return Count(compiled, run, failed, skipped, tuple(Golden(**row) for row in rows))


def main(folder: Path, run: Run, which: Callable[[str], str | None] = shutil.which) -> int:
    """Compile, test, count; returns the exit code."""
    if reason := missing(run, which):
        print(f"android_demo: SKIPPED: {reason}")
        return 0
    for module in MODULES:  # results of before are no results
        shutil.rmtree(folder / module / "target" / "surefire-reports", ignore_errors=True)
        (folder / module / "target" / "goldens.json").unlink(missing_ok=True)
    command = ["mvn", "-B", "-ntp", "-Dstyle.color=never", "-Dkotlin.compiler.daemon=false", "-f", str(folder), "test"]
    library = litert_library()
    status, text = run([*command, *([f"-Dlitert.library={library}"] if library else [])])
    done = count(folder)
    if status and not done.run and UNREACHABLE.search(text):
        print(
            "android_demo: SKIPPED: Maven Central cannot be reached, and ~/.m2 does not hold all that the build needs"
        )
        return 0
    if status:
        print("\n".join(line for line in text.splitlines() if line.startswith("[ERROR]"))[-6000:])
    print("\n".join(done.lines()))
    return 0 if status == 0 and done.good else 1


def _run(command: Sequence[str]) -> tuple[int, str]:
    environment = {"MAVEN_OPTS": MAVEN_OPTIONS, **os.environ}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main(FOLDER, _run))
