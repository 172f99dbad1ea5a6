"""Changes that leave a file of a format enough in order for its reader to go on: a field, an entry, a line of it."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.emulator.fuzz import damage_bytes, damage_field, damage_spec, other
from tests.fuzz.frames import framed, unframed

Mutation = Callable[[random.Random, bytes], bytes]
_DEEP = "@deep"
_ODD: tuple[Any, ...] = (
    _DEEP,
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    1e308,
    float("nan"),
    "",
    "x" * 300,
    [],
    {},
    [[]],
    "\ud800",
)
_TOML = ("-1", "0", "2.5", "true", '""', "[]", "{}", "nan", "9223372036854775807", "[[1]]", '"a/../b"', "1979-05-27")
_CHECK = 4


def spec(rng: random.Random, data: bytes) -> bytes:
    """A field of a Core ML model."""
    return damage_spec(rng, data)


def package(rng: random.Random, data: bytes) -> bytes:
    """A field of the model of a package, or bytes of its weights."""
    model, weights = unframed(data, 2)
    if weights and rng.random() < 0.2:
        return framed([model, damage_bytes(rng, weights)])
    return framed([damage_spec(rng, model), weights])


def onnx(rng: random.Random, data: bytes) -> bytes:
    """A field of an ONNX model."""
    from onnx import ModelProto

    model = ModelProto.FromString(data)
    damage_field(rng, model)
    return bytes(model.SerializeToString())


def tflite(rng: random.Random, data: bytes) -> bytes:
    """An entry of the tables of a TFLite file."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    holder, name = rng.choice(list(_attributes(model)))
    value = getattr(holder, name)
    if value is None or isinstance(value, (int, float, bytes, str)):
        setattr(holder, name, other(rng, value) if value is not None else None)
    elif len(value) and isinstance(value, list) and rng.random() < 0.5:
        value.insert(rng.randrange(len(value)), value[rng.randrange(len(value))])
    elif len(value) and rng.random() < 0.8:
        value = value.copy()
        place = rng.randrange(len(value))
        value[place] = rng.choice([-1, 0, 1, 2, 100]) if not hasattr(value[place], "__dict__") else value[place]
        setattr(holder, name, value)
    else:
        setattr(holder, name, None)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _attributes(value: Any) -> Iterator[tuple[Any, str]]:
    """Every attribute of the schema's objects below *value* that is no single object."""
    for name, inner in vars(value).items():
        if hasattr(inner, "__dict__"):
            yield from _attributes(inner)
            continue
        yield value, name
        for each in inner if isinstance(inner, list) else ():
            if hasattr(each, "__dict__"):
                yield from _attributes(each)


def document(rng: random.Random, data: bytes) -> bytes:
    """A value of a JSON document."""
    whole = [json.loads(data)]
    holder, key = rng.choice(list(_places(whole)))
    kind = rng.randrange(4)
    if kind == 0 and isinstance(holder, dict):
        holder["x" * rng.randrange(3)] = holder[key]
    elif kind == 1 and holder is not whole:
        del holder[key]
    elif kind == 2:
        holder[key] = other(rng, holder[key]) if isinstance(holder[key], (str, int, float)) else rng.choice(_ODD)
    else:
        holder[key] = rng.choice(_ODD)
    deep = rng.choice([90, 300, 900, 5000])
    return json.dumps(whole[0]).replace(f'"{_DEEP}"', "[" * deep + "]" * deep).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def manifest(rng: random.Random, data: bytes) -> bytes:
    """A value of a manifest, whose digest fits again."""
    from export_pipeline.bundle import _sealed

    return _sealed(json.loads(document(rng, data))).encode(errors="replace")


def safetensors(rng: random.Random, data: bytes) -> bytes:
    """A value of the header of a safetensors file, or of what the checkpoint in it says of itself."""
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length], data[8 + length :]
    told = json.loads(header)
    own = told.get("__metadata__")
    if isinstance(own, dict) and isinstance(own.get("checkpoint"), str) and rng.random() < 0.5:
        own["checkpoint"] = document(rng, own["checkpoint"].encode()).decode()
        header = json.dumps(told).encode()
    else:
        header = document(rng, header)
    return len(header).to_bytes(8, "little") + header + rest


def container(rng: random.Random, data: bytes) -> bytes:
    """Bytes of the records or streams of a container of weights, whose length and check sum fit again."""
    from export_pipeline.coding import huffman, layout

    start = layout._START
    magic, version, _, stored, plain = start.unpack_from(data)
    begin = start.size + stored
    records, streams = data[start.size : begin], data[begin:-_CHECK]
    if rng.random() < 0.5:
        opened = damage_bytes(rng, bytes(huffman.decode(records, plain)))
        records, plain = huffman.encode(opened, zlib.Z_DEFAULT_STRATEGY), len(opened)
    else:
        streams = damage_bytes(rng, streams)
    body = start.pack(magic, version, start.size + len(records) + len(streams) + _CHECK, len(records), plain)
    body += records + streams
    return body + struct.pack("<I", zlib.crc32(body))


def recipe(rng: random.Random, data: bytes) -> bytes:
    """A line of a recipe: left out, said again elsewhere, or with another value."""
    lines = data.decode(errors="replace").splitlines()
    place = rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines)), lines[place])
    elif "=" in lines[place]:
        value = rng.choice(_TOML) if rng.random() < 0.9 else "[" * 3000 + "]" * 3000
        lines[place] = f"{lines[place].split('=')[0]}= {value}"
    return "\n".join(lines).encode()
