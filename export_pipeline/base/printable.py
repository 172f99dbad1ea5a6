"""Text that came out of a file, made fit for a terminal: it may hold anything, also what a terminal obeys."""

from __future__ import annotations


def printable(text: str, longest: int | None = None) -> str:
    """*text* on one line: control characters, newlines among them, as escapes; cut at *longest* characters."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if longest is None or len(shown) <= longest else f"{shown[: longest - 3]}..."


def printable_lines(text: str) -> str:
    """*text* with its newlines, but every other control character as an escape."""
    return "\n".join(map(printable, text.split("\n")))
