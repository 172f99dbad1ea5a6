"""Small bundles, good and bad in one way each.

Their model files are a few bytes each: an app checks them before it loads them.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

from export_pipeline.records.exported import ExportedModel
from tests.apps.generate.material import BUNDLE

Document = dict[str, Any]
NAME = "dots"
FP16, INT8, PROGRAM, NETWORK = (
    f"{NAME}-{end}" for end in ("fp16.tflite", "int8.tflite", "int8.mlpackage", "int8.mlmodel")
)
WEIGHTS = f"{PROGRAM}/Data/com.apple.CoreML/weights/weight.bin"
CONTENTS = {name: f"bytes of {name}\n".encode() for name in (FP16, INT8, WEIGHTS, NETWORK)}
MODELS = {"tflite-fp16": FP16, "tflite-int8": INT8, "mlpackage-int8": PROGRAM, "mlmodel-int8": NETWORK}
SHORT = {"height": 640, "width": 480, "input_name": "image", "output_name": "stylized"}
SHORT |= {"color": "RGB", "low": 0.0, "high": 255.0}
PICTURE = {"shape": [1, 64, 48, 3], "layout": "NHWC", "color": "RGB", "low": 0.0, "high": 255.0}
UNIVERSAL = {
    "inputs": [{"name": "photo", **PICTURE}, {"name": "statistics", "shape": [1, 62]}],
    "outputs": [{"name": "stylized", **PICTURE}],
}
QUANTIZED = {
    "inputs": [{"name": "image", **PICTURE, "dtype": "int8", "zero_point": -128}],
    "outputs": [{"name": "stylized", **PICTURE, "dtype": "uint8", "scale": 0.5, "high": 127.5}],
}


def base() -> Document:
    """A committed bundle's manifest, of the time before signatures had types, with small files of its own."""
    found: Document = json.loads((BUNDLE / "manifest.json").read_bytes())
    files = {name: {"bytes": len(data), "sha256": _hash(data)} for name, data in CONTENTS.items()}
    models = [_model(target, file, found["models"][0]["checkpoint_sha256"]) for target, file in MODELS.items()]
    least = {"tflite-fp16": 45.0, "tflite-int8": 30.0, "mlpackage-int8": 35.0, "mlmodel-int8": 35.0}
    return {**found, "name": NAME, "files": files, "models": models, "min_psnr": least, "signature": SHORT}


def _model(target: str, file: str, checkpoint: str) -> Document:
    hashes = {name: _hash(data) for name, data in CONTENTS.items() if name == file or name.startswith(file + "/")}
    row = {"target": target, "file": file, "signature": SHORT, "sha256": hashes, "notes": ["made for a test"]}
    return {**row, "checkpoint_sha256": checkpoint}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sealed(document: Document) -> bytes:
    """The text of a manifest with the digest of itself, as ``export_pipeline.bundle`` writes it."""
    blank = _text({**document, "digest": ""})
    return _text({**document, "digest": _hash(blank)})


def _text(document: Document) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _edited(*edits: tuple[tuple[str | int, ...], Any]) -> bytes:
    document = copy.deepcopy(base())
    for (*way, last), value in edits:
        place: Any = document
        for key in way:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return sealed(document)


TYPED = {"dtype": "float32", "layout": "NHWC"}
# Name, manifest, what opening it must give.
DOCUMENTS: list[tuple[str, Callable[[], bytes], str]] = [
    ("good_short", lambda: sealed(base()), "ok"),
    (
        "good_typed",
        lambda: _edited((("signature",), {**SHORT, **TYPED}), (("models", 0, "signature"), {**SHORT, **TYPED})),
        "ok",
    ),
    ("good_universal", lambda: _edited((("signature",), UNIVERSAL), (("models", 0, "signature"), UNIVERSAL)), "ok"),
    ("good_quantized", lambda: _edited((("models", 1, "signature"), QUANTIZED)), "ok"),
    ("good_more_keys", lambda: _edited((("later",), {"anything": [1, 2.5, None, "ü"]})), "ok"),
    ("other_version", lambda: _edited((("format",), 2)), "version"),
    ("no_version", lambda: _edited((("format",), None)), "version"),
    ("empty", lambda: b"", "unreadable"),
    ("not_json", lambda: b"not json\n", "unreadable"),
    ("not_an_object", lambda: b"[1]\n", "unreadable"),
    ("not_utf8", lambda: sealed(base()).replace(b"dots", b"d\xffts", 1), "unreadable"),
    ("cut_off", lambda: sealed(base())[:-200], "unreadable"),
    ("changed_letter", lambda: sealed(base()).replace(b'"name": "dots"', b'"name": "dotz"'), "digest"),
    ("no_digest", lambda: _text({k: v for k, v in base().items() if k != "digest"}), "digest"),
    ("no_models", lambda: _edited((("models",), None)), "malformed"),
    ("model_without_file", lambda: _edited((("models", 0, "file"), None)), "malformed"),
    ("model_unlisted", lambda: _edited((("files", FP16), None)), "malformed"),
    ("two_hashes", lambda: _edited((("models", 0, "sha256", FP16), "0" * 64)), "malformed"),
    ("height_is_text", lambda: _edited((("models", 0, "signature", "height"), "640")), "malformed"),
    ("path_up", lambda: _elsewhere(f"../{FP16}"), "unsafe_path"),
    ("path_absolute", lambda: _elsewhere(f"/{FP16}"), "unsafe_path"),
    ("path_backslash", lambda: _elsewhere(f"a\\..\\{FP16}"), "unsafe_path"),
]
# Name, what is done to the files of good_short, and what checking each file must give.
FILES: list[tuple[str, dict[str, bytes | None], dict[str, str]]] = [
    ("whole", {}, {}),
    ("missing_file", {FP16: None}, {FP16: "missing"}),
    ("missing_part", {WEIGHTS: None}, {PROGRAM: "missing"}),
    (
        "changed_byte",
        {FP16: CONTENTS[FP16][:-2] + b"?\n", WEIGHTS: b"B" + CONTENTS[WEIGHTS][1:]},
        {FP16: "changed", PROGRAM: "changed"},
    ),
    ("cut_file", {NETWORK: CONTENTS[NETWORK][:-1], INT8: b""}, {NETWORK: "changed", INT8: "changed"}),
]


def _elsewhere(path: str) -> bytes:
    entry = {"bytes": len(CONTENTS[FP16]), "sha256": _hash(CONTENTS[FP16])}
    hashes = {path: entry["sha256"]}
    return _edited((("files", path), entry), (("models", 0, "file"), path), (("models", 0, "sha256"), hashes))


def expected_models(manifest: bytes) -> list[Document]:
    """What an app must know of each model: all of its ports, every default filled in."""
    rows = []
    for entry in json.loads(manifest)["models"]:
        model = ExportedModel.model_validate(entry)
        sides = {side: [_port(port) for port in getattr(model.signature, side)] for side in ("inputs", "outputs")}
        rows.append({"target": model.target, "file": model.file, **sides})
    return rows


def _port(port: Any) -> Document:
    names = ("name", "kind", "shape", "dtype", "layout", "color", "low", "high", "scale", "zero_point")
    values: Document = port.model_dump(mode="json")
    return {name: values[name] for name in names}


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``manifests.json``; each is a folder in ``manifests/``."""
    documents, files = [], []
    for name, make, code in DOCUMENTS:
        text = make()
        save(f"manifests/{name}/manifest.json", text)
        case: Document = {"folder": f"manifests/{name}", "open": code}
        documents.append(case | ({"models": expected_models(text)} if code == "ok" else {}))
    for name, changes, codes in FILES:
        save(f"manifests/{name}/manifest.json", sealed(base()))
        for file, content in {**CONTENTS, **changes}.items():
            if content is not None:
                save(f"manifests/{name}/{file}", content)
        checks = {file: codes.get(file, "ok") for file in MODELS.values()}
        files.append({"folder": f"manifests/{name}", "check": checks})
    return {"documents": documents, "files": files}
