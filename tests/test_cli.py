"""The command line around its verbs: choosing one, and what it makes of errors."""

from __future__ import annotations

import argparse
import dataclasses
import re
import warnings

import pytest

from export_pipeline import __version__
from export_pipeline.cli import main
from export_pipeline.errors import CheckFailed, Undecided, UsageError
from export_pipeline.verbs import NAMES, all_verbs
from export_pipeline.verbs.common import Verb
from tests.builds import COMMITTED, ROOT


def failing(error: BaseException) -> Verb:
    """A verb that does nothing but raise *error*."""

    def run(options: argparse.Namespace) -> None:
        raise error

    return Verb("fail", "fail", lambda parser: None, run)


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and message of a verb that raises *error*."""
    code = main(["fail"], [failing(error)])
    out, err = capsys.readouterr()
    assert not out
    return code, err


def test_an_unknown_verb_is_refused_with_all_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["nothing"])
    message = capsys.readouterr().err
    assert len(message.splitlines()) == 1
    assert re.findall(r"\w+", message.split("choose from ")[1].split(")")[0]) == list(NAMES)


def test_no_verb_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "VERB" in capsys.readouterr().err


def test_a_failed_check_ends_with_1_and_wrong_use_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(CheckFailed("too large"), capsys) == (1, "export-pipeline: too large\n")
    assert told(UsageError("no such thing"), capsys) == (2, "export-pipeline: no such thing\n")


def test_what_is_too_noisy_to_tell_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(Undecided("NOISY"), capsys) == (3, "export-pipeline: NOISY\n")


def test_a_missing_library_is_told_with_the_way_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, message = told(ModuleNotFoundError("No module named 'x'", name="x"), capsys)
    assert code == 2
    assert "needs x, which is not installed" in message
    assert "pip install '.[all]'" in message


def test_what_the_system_refuses_is_told_with_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(PermissionError(13, "Permission denied", "a.png"), capsys) == (
        2,
        "export-pipeline: a.png: Permission denied\n",
    )


def test_a_fault_of_ours_is_two_lines_and_debug_shows_it_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code, message = told(ZeroDivisionError("by zero\nand more"), capsys)
    assert code == 2
    assert message.splitlines() == [
        "export-pipeline: ZeroDivisionError: by zero",
        "This is a fault of ours; --debug shows where.",
    ]
    with pytest.raises(ZeroDivisionError):
        main(["fail", "--debug"], [failing(ZeroDivisionError())])


def test_debug_shows_a_traceback_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fail", "--debug"], [failing(UsageError("no such thing"))]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_error_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(UsageError("a\x1b[2J"), capsys) == (2, "export-pipeline: a\\x1b[2J\n")


def test_only_warnings_of_ours_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def run(options: argparse.Namespace) -> None:
        for module in ("export_pipeline.train", "library"):
            warnings.warn_explicit(f"from {module}", UserWarning, "file.py", 1, module=module)

    assert main(["warn"], [Verb("warn", "warn", lambda parser: None, run)]) == 0
    assert capsys.readouterr().err == "export-pipeline: warning: from export_pipeline.train\n"


@pytest.mark.parametrize(
    ("arguments", "resumed"),
    [
        (("distill", "some.toml", "-o", "x.weights"), True),
        (("verify", "demo"), True),
        (("verify", str(COMMITTED)), False),
        (("report", str(COMMITTED)), False),
        (("quantize", "some.npz", "--bits", "4"), False),
    ],
)
def test_an_interrupt_tells_what_is_kept(
    arguments: tuple[str, ...], resumed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(options: argparse.Namespace) -> None:
        raise KeyboardInterrupt

    assert main(arguments, [dataclasses.replace(verb, run=interrupted) for verb in all_verbs()]) == 130
    then = "the same command goes on where it was" if resumed else "start it again"
    assert capsys.readouterr().err == f"export-pipeline: interrupted; {then}\n"


def test_changelog_names_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"export-pipeline {__version__}\n"
    assert f" {__version__}." in (ROOT / "CHANGELOG.md").read_text()
