"""Whether this process only reads and runs model files, as some verbs do, and so needs nothing to convert them."""

from __future__ import annotations

_state = {"only_reads": False}


def read_only() -> None:
    """From now on nothing is converted in this process: what libraries import for that may be left out."""
    _state["only_reads"] = True


def only_reads() -> bool:
    """Whether that was said."""
    return _state["only_reads"]
