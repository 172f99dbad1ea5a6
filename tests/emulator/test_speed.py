"""SPEED.md says what was measured; the measuring itself is ``make speed``."""

from __future__ import annotations

import json

from tests.emulator import speed


def test_the_document_says_what_the_record_says() -> None:
    record = json.loads(speed.RECORD.read_text("utf-8"))
    assert speed.DOCUMENT.read_text("utf-8") == speed.text(record)
    assert not speed.misses(record)


def test_what_is_slow_is_named() -> None:
    row = {"network": "small", "emulator_ms": 12.0, "tf2onnx_ms": 10.0}
    assert speed.misses({"networks": [row], "load_s": 1.5}) == ["small", "loading"]
    assert not speed.misses({"networks": [row | {"emulator_ms": 11.0}], "load_s": 0.5})
