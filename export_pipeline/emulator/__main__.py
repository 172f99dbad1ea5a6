"""``python -m export_pipeline.emulator SCRIPT [ARGUMENTS]``: run a script written for a Mac, not a letter changed.

The same as ``python SCRIPT [ARGUMENTS]`` after ``install()``: in the script ``coremltools.models.MLModel`` can predict.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from .patch import install

_USAGE = "python -m export_pipeline.emulator SCRIPT [ARGUMENTS]"


def main(arguments: list[str]) -> None:
    """Run the script with its arguments. Exits with code 2 if there is none."""
    if not arguments or not Path(arguments[0]).is_file():
        named = f"no script at {arguments[0]}" if arguments else "no script is named"
        sys.exit(_refused(f"{named}; usage: {_USAGE}"))
    install()
    sys.argv = arguments
    sys.path[0] = str(Path(arguments[0]).resolve().parent)
    runpy.run_path(arguments[0], run_name="__main__")


def _refused(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    main(sys.argv[1:])
