from __future__ import annotations

import os
import sys

import pytest

from export_pipeline.base.quiet import muted


def speak() -> None:
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.write(f"python {descriptor}\n")
        stream.flush()
        os.write(descriptor, f"library {descriptor}\n".encode())


@pytest.mark.parametrize("descriptors", [(1,), (2,), (1, 2)])
def test_only_what_is_muted_is_silent_and_only_while_it_is(
    descriptors: tuple[int, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    with muted(*descriptors):
        speak()
    for descriptor, text in zip((1, 2), capfd.readouterr(), strict=True):
        assert text == ("" if descriptor in descriptors else f"python {descriptor}\nlibrary {descriptor}\n")
    with pytest.raises(KeyError), muted(*descriptors):
        raise KeyError
    speak()
    assert tuple(capfd.readouterr()) == ("python 1\nlibrary 1\n", "python 2\nlibrary 2\n")


def test_streams_that_lead_elsewhere_are_muted_too(capsys: pytest.CaptureFixture[str]) -> None:
    with muted(1):
        print("chatter")
    print("news")
    assert capsys.readouterr().out == "news\n"
