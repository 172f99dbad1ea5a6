"""``completion SHELL``: a script with which a shell completes verbs, options, their choices, and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import SHIPPED, Verb, show

SHELLS = ("bash", "zsh", "fish")
NEEDS = "completion needs shtab, which is not installed; pip install 'shtab>=1.7' brings it."
# What the words are that are not typed as paths, by how they are called in the help.
RECIPES = "RECIPE"
TARGETS = "TARGET"
FILES = ("BUNDLE", "FILE", "IMAGE", "RECIPE.toml", "RESULT")
FOLDER = "FOLDER"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def run(options: argparse.Namespace) -> None:
    """Print the script."""
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS) from error
    from export_pipeline.targets import TARGETS as NAMES

    recipes = _words("recipes", sorted(path.stem for path in SHIPPED.glob("*.toml")), files=True)
    targets = _words("targets", tuple(NAMES), files=False)
    for action in _actions(options.parser):
        if not action.choices and action.nargs != 0:
            _complete(action, recipes, targets, shtab.FILE, shtab.DIRECTORY)
    text = shtab.complete(options.parser, options.shell).rstrip("\n")
    show({"shell": options.shell, "script": f"{text}\n"}, options.json, lambda: text)


def _complete(action: Any, recipes: Any, targets: Any, files: Any, folders: Any) -> None:
    """Give *action* what completes it, as shtab reads it; words and numbers have nothing."""
    called = str(action.metavar or "").split("|")
    if RECIPES in called:
        action.complete = recipes
    elif called == [TARGETS]:
        action.complete = targets
    elif called == [FOLDER]:
        action.complete = folders
    elif action.type is Path or set(called) & set(FILES):
        action.complete = files


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of *parser* and of its verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
        else:
            yield action


def _words(name: str, words: Sequence[str], files: bool) -> dict[str, Any]:
    """A completer of *words* that goes by *name*, and of files too if wanted, as shtab reads it."""
    function, listed = f"_export_pipeline_{name}", " ".join(words)
    bash = [f'  compgen -W "{listed}" -- "$1"', *(['  compgen -f -- "$1"'] if files else [])]
    zsh = [f"  local -a found=({listed})", f'  _describe "{name}" found', *(["  _files"] if files else [])]
    paths = "(__fish_complete_path (commandline -ct)) " if files else ""
    return {
        "bash": function,
        "zsh": function,
        "fish": f"{paths}{listed}",
        "preamble": {
            shell: "\n".join([f"{function}() {{", *lines, "}"]) for shell, lines in (("bash", bash), ("zsh", zsh))
        },
    }


VERB = Verb("completion", "print a script with which a shell completes the command line", add, run)
