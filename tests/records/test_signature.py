"""The signature: written once, read back from any file's metadata."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from export_pipeline.errors import ModelError
from export_pipeline.records.signature import METADATA_KEY, ImageSignature

SIDES = st.integers(16, 4096)


@given(SIDES, SIDES)
def test_it_survives_the_metadata_of_a_file(height: int, width: int) -> None:
    signature = ImageSignature(height=height, width=width)
    metadata = signature.metadata()
    assert all(isinstance(part, str) for item in metadata.items() for part in item)  # all that file formats hold
    assert ImageSignature.from_metadata({**metadata, "author": "someone else"}) == signature


def test_the_metadata_are_the_same_each_time_and_short() -> None:
    first, second = (ImageSignature(height=64, width=128).metadata() for _ in range(2))
    assert first == second
    assert " " not in first[METADATA_KEY]
    assert json.loads(first[METADATA_KEY])["color"] == "RGB"


def test_shapes_by_layout() -> None:
    signature = ImageSignature(height=64, width=128)
    assert signature.shape("NHWC") == (1, 64, 128, 3)
    assert signature.shape("NCHW") == (1, 3, 64, 128)


def test_a_file_without_the_entry_is_not_ours() -> None:
    assert ImageSignature.from_metadata({}) is None
    assert ImageSignature.from_metadata({"com.github.apple.coremltools.version": "9.0"}) is None


@pytest.mark.parametrize(
    "entry",
    ["", "{", "null", "[]", '{"height": 64}', '{"height": 64, "width": 64, "more": 1}', '{"height": 1, "width": 64}'],
)
def test_a_damaged_entry_is_a_model_error(entry: str) -> None:
    with pytest.raises(ModelError, match="'signature' is damaged"):
        ImageSignature.from_metadata({METADATA_KEY: entry})


@pytest.mark.parametrize("side", [0, 15, 4097, -4])
def test_sides_out_of_range_are_refused(side: int) -> None:
    with pytest.raises(ValidationError):
        ImageSignature(height=side, width=64)
