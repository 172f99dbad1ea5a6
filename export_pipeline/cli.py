"""The command line: it assembles the verbs, and turns what goes wrong in them into a message and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import NoReturn

from export_pipeline import __version__
from export_pipeline.base.printable import printable_lines
from export_pipeline.errors import PipelineError
from export_pipeline.verbs import all_verbs
from export_pipeline.verbs.common import EVERYTHING, Verb

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all of ours are."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"export-pipeline: {message}. See '{self.prog} --help'.\n")


def parser(verbs: Sequence[Verb]) -> argparse.ArgumentParser:
    """The parser of the command line; of what it parses, ``verb`` names the verb, and ``parser`` is this one."""
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--quiet", action="store_true", help="say nothing on the way: the result and errors alone")
    common.add_argument("--debug", action="store_true", help="show a traceback with an error")
    root = _Parser(prog="export-pipeline", description="Turn a network into verified mobile app assets.")
    root.add_argument("--version", action="version", version=f"export-pipeline {__version__}")
    choices = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in verbs:
        verb.add(choices.add_parser(verb.name, help=verb.help, description=verb.help, parents=[common]))
    root.set_defaults(parser=root)  # for the verb that describes all of them
    return root


def main(arguments: Sequence[str] | None = None, verbs: Sequence[Verb] | None = None) -> int:
    """Run one verb and give its exit code: 0 good, 1 a check failed, 2 wrong use or bad input, 3 too noisy to tell.

    Args:
        arguments: words of the command line; those of this process when left out.
        verbs: the verbs to choose from; all of them when left out.
    """
    verbs = all_verbs() if verbs is None else verbs
    options = parser(verbs).parse_args(arguments)
    (verb,) = (verb for verb in verbs if verb.name == options.verb)
    with warnings.catch_warnings():
        # Ours are for the user, in one line; what libraries say to each other is theirs.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="export_pipeline")
        warnings.showwarning = lambda message, *_: print(f"export-pipeline: warning: {message}", file=sys.stderr)
        return _run(verb, options)


def _run(verb: Verb, options: argparse.Namespace) -> int:
    try:
        verb.run(options)
        sys.stdout.flush()
        return 0
    except PipelineError as error:
        if options.debug:
            traceback.print_exc()
        print(f"export-pipeline: {printable_lines(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        then = "the same command goes on where it was" if verb.resumes(options) else "start it again"
        print(f"export-pipeline: interrupted; {then}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except ModuleNotFoundError as error:
        if options.debug:
            raise
        print(
            f"export-pipeline: this command needs {error.name}, which is not installed.\n{EVERYTHING}.",
            file=sys.stderr,
        )
        return EXIT_USAGE
    except BrokenPipeError:
        # The reader, `head` for one, has had enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if options.debug:
            raise
        print(f"export-pipeline: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:
        if options.debug:
            raise
        print(
            f"export-pipeline: {type(error).__name__}: {''.join(str(error).splitlines()[:1])}\n"
            "This is a fault of ours; --debug shows where.",
            file=sys.stderr,
        )
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
