"""What is wrong with a JSON file, in one short line."""

from __future__ import annotations

from pydantic import ValidationError

_MOST = 3


def faults(error: ValueError) -> str:
    """What *error* says of a file: pydantic's places and reasons, the first of them, or that it is no text or JSON."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    found = error.errors(include_url=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        return "it is no JSON"
    listed = [_fault(".".join(map(str, each["loc"])), each["type"], each["msg"]) for each in found[:_MOST]]
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(listed) + more


def _fault(place: str, kind: str, message: str) -> str:
    known = {"missing": f"{place} is missing", "extra_forbidden": f"{place} is not known"}
    said = message.removeprefix("Value error, ").replace("Input should be", "it must be")
    return known.get(kind, f"{place}: {said}" if place else said)
