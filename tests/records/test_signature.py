"""The signature: what a network or a file takes and gives, written and read back from any file's metadata."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from export_pipeline.errors import ModelError
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import (
    METADATA_KEY,
    Port,
    Signature,
    image_to_image,
    picture,
    tensor,
)

SIDES = st.integers(16, 4096)
# What Core ML files say of an image-to-image network, and what all files said before signatures had types.
SHORT = {
    "height": 64,
    "width": 128,
    "input_name": "image",
    "output_name": "stylized",
    "color": "RGB",
    "low": 0.0,
    "high": 255.0,
}
SEVERAL = Signature(
    inputs=(picture("image", 64, 128), tensor("style", (1, 100))),
    outputs=(picture("stylized", 64, 128), tensor("mask", (1, 64, 128, 1), low=0, high=1)),
)


def ports() -> st.SearchStrategy[Port]:
    shapes = st.lists(st.none() | st.integers(0, 5000), max_size=5).map(tuple)
    numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    return st.builds(
        Port,
        name=st.text(),
        kind=st.sampled_from(["image", "tensor", "value"]),
        shape=shapes,
        dtype=st.sampled_from(["float32", "uint8", "int64", "string"]),
        layout=st.sampled_from([None, "NHWC", "NCHW"]),
        color=st.sampled_from([None, "RGB", "BGR", "GRAYSCALE"]),
        low=numbers,
        high=numbers,
        scale=st.floats(1e-6, 1e6),
        zero_point=st.integers(-128, 255),
        optional=st.booleans(),
        sizes=st.lists(st.lists(st.integers(0, 9)).map(tuple), max_size=2).map(tuple),
        bounds=st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 9)), max_size=2).map(tuple),
        default=numbers,
    )


@given(st.lists(ports(), min_size=1, max_size=3), st.lists(ports(), min_size=1, max_size=3))
def test_any_ports_survive_the_metadata_of_a_file(inputs: list[Port], outputs: list[Port]) -> None:
    signature = Signature(inputs=tuple(inputs), outputs=tuple(outputs))
    metadata = signature.metadata()
    assert all(isinstance(part, str) for item in metadata.items() for part in item)  # all that file formats hold
    assert Signature.from_metadata({**metadata, "author": "someone else"}) == signature
    jsonschema.validate(json.loads(metadata[METADATA_KEY]), Signature.model_json_schema())


@given(SIDES, SIDES)
def test_image_to_image_is_short(height: int, width: int) -> None:
    signature = image_to_image(height, width, "image", "stylized")
    assert Signature.from_metadata(signature.metadata()) == signature
    types = {"dtype": "float32", "layout": "NHWC"}
    assert signature.model_dump() == {**SHORT, "height": height, "width": width, **types}
    assert signature.size == (height, width)


@given(st.lists(st.tuples(SIDES, SIDES), min_size=2, max_size=5, unique=True))
def test_one_of_several_sizes_is_short_and_names_them(sizes: list[tuple[int, int]]) -> None:
    each = [image_to_image(*size, "image", "stylized") for size in sizes]
    signature = Signature.flexible(each)
    written = json.loads(signature.metadata()[METADATA_KEY])
    assert written == {**each[0].model_dump(), "sizes": [list(size) for size in sizes]}
    jsonschema.validate(written, Signature.model_json_schema())
    assert Signature.from_metadata(signature.metadata()) == signature
    assert (signature.size, signature.sizes, each[0].sizes) == (sizes[0], tuple(sizes), ())
    assert [signature.at(size) for size in sizes] == each
    port = signature.inputs[0]
    assert port.open_shape == (1, None, None, 3)
    assert port.allowed_sizes() == tuple(f"{height}x{width}" for height, width in sizes)
    assert all(port.accepts((1, *size, 3)) for size in sizes)
    assert port.accepts((1, *sizes[0][::-1], 3)) == (sizes[0][::-1] in sizes)


def test_core_ml_files_have_the_bytes_that_they_always_had() -> None:
    written = (
        '{"height":64,"width":128,"input_name":"image","output_name":"stylized","color":"RGB","low":0.0,"high":255.0}'
    )
    signature = Signature.model_validate(SHORT)
    assert signature.metadata() == {METADATA_KEY: written}
    assert [(port.kind, port.shape, port.dtype) for port in (*signature.inputs, *signature.outputs)] == [
        ("image", (1, 3, 64, 128), "uint8")
    ] * 2


def test_what_is_no_plain_image_to_image_names_its_ports() -> None:
    assert SEVERAL.model_dump() == {
        "inputs": [
            {"name": "image", "shape": [1, 64, 128, 3], "layout": "NHWC", "color": "RGB", "low": 0.0, "high": 255.0},
            {"name": "style", "shape": [1, 100]},
        ],
        "outputs": [
            {"name": "stylized", "shape": [1, 64, 128, 3], "layout": "NHWC", "color": "RGB", "low": 0.0, "high": 255.0},
            {"name": "mask", "shape": [1, 64, 128, 1], "low": 0.0, "high": 1.0},
        ],
    }
    plain = image_to_image(64, 128, "image", "stylized")
    for side, change in (
        ("inputs", {"low": -1.0}),
        ("outputs", {"scale": 0.5}),
        ("outputs", {"shape": (1, 32, 32, 3)}),
        ("inputs", {"optional": True}),
        ("outputs", {"color": "BGR"}),
    ):
        (port,) = getattr(plain, side)
        changed = plain.model_copy(update={side: (port.model_copy(update=change),)})
        assert "inputs" in changed.model_dump()
        assert Signature.from_metadata(changed.metadata()) == changed


def test_the_size_is_that_of_the_first_picture() -> None:
    assert SEVERAL.size == (64, 128)
    assert [port.name for port in SEVERAL.pictures] == ["image"]
    without = Signature(inputs=(tensor("style", (1, 100)),), outputs=SEVERAL.outputs)
    assert without.pictures == ()
    with pytest.raises(ModelError, match="no picture of one size goes in, only style"):
        _ = without.size


@pytest.mark.parametrize(
    ("layout", "shape", "size"),
    [
        ("NHWC", (1, 64, 48, 3), (64, 48)),
        ("NCHW", (1, 3, 64, 48), (64, 48)),
        ("NCHW", (3, 64, 48), (64, 48)),
        ("NHWC", (1, None, None, 3), (None, None)),
        ("NCHW", (1, 1, 64, 48), None),
        (None, (1, 64, 48, 3), None),
        ("NHWC", (3,), None),
    ],
)
def test_a_port_knows_its_picture(layout: Any, shape: tuple[int | None, ...], size: Any) -> None:
    port = Port(name="x", shape=shape, layout=layout)
    assert port.size == size
    if size is not None:
        assert port.shape_for(10, 20) == tuple({64: 10, 48: 20}.get(n, n) if n else n for n in shape) or None in shape


def test_a_port_accepts_its_shapes() -> None:
    port = Port(name="x", shape=(1, None, 4), sizes=((2, 2, 2),), bounds=((1, 1), (8, -1), (1, 3)))
    assert all(map(port.accepts, [(1, 7, 4), (2, 2, 2), (1, 900, 3)]))
    assert not any(map(port.accepts, [(1, 7, 5), (1, 7, 3), (2, 2, 3), (), (1, 4)]))
    assert port.allowed() == "1xanyx4 or 2x2x2 or within 1..1 x 8..any x 1..3"
    assert Port(name="x").accepts(())
    assert not Port(name="x").accepts((1,))


def test_records_of_before_there_were_types_have_those_of_their_targets() -> None:
    about = {"file": "a", "sha256": {}, "checkpoint_sha256": ""}
    for target, kind, dtype in (
        ("mlmodel-int8", "image", "uint8"),
        ("tflite-int8", "tensor", "uint8"),
        ("tflite-fp16", "tensor", "float32"),
        ("onnx-fp32", "tensor", "float32"),
    ):
        record = ExportedModel.model_validate({**about, "target": target, "signature": SHORT})
        assert [(port.kind, port.dtype) for port in record.signature.inputs] == [(kind, dtype)]
        assert ExportedModel.model_validate_json(record.model_dump_json()) == record
        assert record.model_dump()["signature"].items() >= SHORT.items()


def test_a_file_without_the_entry_is_not_ours() -> None:
    assert Signature.from_metadata({}) is None
    assert Signature.from_metadata({"com.github.apple.coremltools.version": "9.0"}) is None


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "{",
        "null",
        "[]",
        '{"height": 64}',
        '{"height": 64, "width": 64, "more": 1}',
        '{"height": 1, "width": 64}',
        '{"height": 64, "width": 64, "sizes": [[64]]}',
        '{"inputs": [], "outputs": []}',
        '{"inputs": [{"name": "x", "more": 1}], "outputs": [{"name": "y"}]}',
    ],
)
def test_a_damaged_entry_is_a_model_error(entry: str) -> None:
    with pytest.raises(ModelError, match="'signature' is damaged") as caught:
        Signature.from_metadata({METADATA_KEY: entry})
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("side", [0, 15, 4097, -4])
def test_sides_out_of_range_are_refused(side: int) -> None:
    with pytest.raises(ValidationError):
        image_to_image(side, 64, "image", "stylized")
