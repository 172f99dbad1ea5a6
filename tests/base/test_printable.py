"""What a terminal would obey is shown instead."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.base.printable import printable, printable_lines


@given(st.text(), st.integers(3, 100))
def test_nothing_is_left_that_a_terminal_obeys(text: str, longest: int) -> None:
    assert printable(text).isprintable()
    assert len(printable(text, longest)) <= longest
    assert printable_lines(text).count("\n") == text.count("\n")
    assert all(line.isprintable() for line in printable_lines(text).split("\n"))


def test_what_is_printable_stays() -> None:
    assert printable("Füchse, 狐: 'a'") == "Füchse, 狐: 'a'"
    assert printable("a\x1b[2J\r\nb\u202e") == r"a\x1b[2J\r\nb\u202e"
    assert printable("x" * 90, 80) == "x" * 77 + "..."
    assert printable_lines("one\ntwo\x1b") == "one\ntwo\\x1b"
