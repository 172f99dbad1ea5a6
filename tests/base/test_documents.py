from __future__ import annotations

import pytest

from export_pipeline.base.documents import parsed


def test_a_document_is_read() -> None:
    assert parsed(b'{"a": [1, "\\u00e9\\ud83d\\ude00"]}') == {"a": [1, "é😀"]}
    assert parsed("[" * 100 + "]" * 100)


@pytest.mark.parametrize(
    ("document", "told"),
    [("{", "Expecting"), (b"\xff", "decode"), ("[" * 101 + "]" * 101, "levels"), ("[" * 100_000, "levels"),
     ('"\\ud800"', "half"), ('{"\\udc00": 1}', "half")],
)  # fmt: skip
def test_what_is_no_document_is_refused(document: str | bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parsed(document)
