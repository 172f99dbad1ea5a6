"""Inputs for any model file out of words and files, and its outputs as files and in numbers."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.documents import parsed
from export_pipeline.base.files import written_aside
from export_pipeline.base.images import READ_SUFFIXES, WRITE_SUFFIXES, fit, load_image, to_uint8
from export_pipeline.errors import OutputError, UsageError, near
from export_pipeline.formats.runtime import Runtime
from export_pipeline.formats.values import NO_NUMBERS, from_port
from export_pipeline.records.signature import Port

ARRAY_SUFFIXES = (".npy", ".npz")
MOST_LABELS = 5
_VALUES = "an image, an .npy, .npz or .json file, or JSON such as [1, 2, 3]"
Say = Callable[[str], None]


def read_inputs(runtime: Runtime, given: Sequence[str], say: Say = lambda line: None) -> dict[str, Any]:
    """Inputs from ``NAME=VALUE`` words: a value is an image file, an ``.npy``, ``.npz`` or ``.json`` file, or JSON.

    An image of another size than the model's, or than the several that it takes, is resized to the first and its centre
    cut out, which is said.

    Raises:
        UsageError: a word is not of that form, a name is unknown, given twice or missing, or a value cannot be read.
        ImageError: an image cannot be read.
    """
    ports = {port.name: port for port in runtime.inputs}
    inputs: dict[str, Any] = {}
    for word in given:
        name, separator, value = word.partition("=")
        if not separator or not value:
            raise UsageError(f"--input {word!r} is not of the form NAME=VALUE; a value is {_VALUES}")
        if name not in ports:
            raise UsageError(f"{runtime.path.name} has no input {name!r}; {near(name, ports)}")
        if name in inputs:
            raise UsageError(f"--input {name} is given twice")
        inputs[name] = _read(runtime, ports[name], value, say)
    missing = [port.name for port in runtime.inputs if port.name not in inputs and not port.optional]
    if missing:
        raise UsageError(
            f"{runtime.path.name} also takes the input {_described(ports[missing[0]])}; give --input for it"
        )
    return inputs


def _described(port: Port) -> str:
    shape = "x".join("any" if size is None else str(size) for size in port.shape)
    return " ".join(filter(None, [repr(port.name), f"({port.kind}", shape, f"{port.dtype})"]))


def _read(runtime: Runtime, port: Port, value: str, say: Say) -> Any:
    path = Path(value)
    suffix = path.suffix.lower()
    if suffix in READ_SUFFIXES:
        return _image(runtime, port, path, say)
    if port.kind == "image":
        raise UsageError(f"input {port.name!r} takes an image file ({', '.join(READ_SUFFIXES)}), not {value!r}")
    if suffix in ARRAY_SUFFIXES:
        return _array(path, port.name)
    try:
        text = path.read_text("utf-8") if suffix == ".json" else value
        if port.dtype == "string" and suffix != ".json" and not value.startswith('"'):
            return value  # a label needs no quotation marks
        found = parsed(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"the value of --input {port.name} is not {_VALUES}: {value[:60]!r}") from None
    return found if port.dtype in NO_NUMBERS else _numbers(found, port.name)


def _numbers(found: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(found)
    except ValueError:
        raise UsageError(f"the lists in --input {name} differ in length; they must make a full array") from None
    if array.dtype.kind not in "biuf":
        raise UsageError(f"--input {name} holds something other than numbers: {json.dumps(found)[:60]}")
    return array


def _array(path: Path, name: str) -> np.ndarray:
    """The array in an ``.npy`` file, or of an ``.npz`` file the only one, or the one of that *name*."""
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            chosen = name if name in loaded else loaded.files[0] if len(loaded.files) == 1 else None
            if chosen is not None:
                return np.asarray(loaded[chosen])
            held = ", ".join(loaded.files) or "nothing"
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or 'it is damaged'}") from None
    except Exception as error:  # NumPy and zipfile raise their own types, and plain ones, on foreign bytes
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:100]
        raise UsageError(f"{path} is no array file that can be read ({first}); save it with numpy.save") from None
    raise UsageError(f"{path} holds {held}; name one of its arrays {name!r}, or store one array only")


def _image(runtime: Runtime, port: Port, path: Path, say: Say) -> Any:
    """An image as *port* takes it: a Pillow image, or an array ``(H, W, 3)``."""
    from PIL import Image

    pixels = load_image(path)
    if port.kind != "image" and port.size is None:
        raise UsageError(f"{_described(port)} holds no RGB image; give an array")
    height, width = pixels.shape[:2]
    if not runtime.takes_size(port, height, width):
        wanted = tuple(size or given for size, given in zip(port.size or port.shape[-2:], (height, width), strict=True))
        pixels = fit(pixels, *wanted)
        say(f"{path}: {width}x{height} resized and cropped to the model's {wanted[1]}x{wanted[0]}")
    if port.kind != "image":
        return pixels
    image = Image.fromarray(pixels)
    return image.convert("L") if port.shape[1] == 1 else image


def check_output(out: Path) -> None:
    """Refuse what :func:`write_outputs` could never write to, before a model runs.

    Raises:
        OutputError: the suffix is of no image and not ``.npz``, or a file lies where a folder belongs.
    """
    suffix = out.suffix.lower()
    if suffix not in ("", ".npz", *WRITE_SUFFIXES) or (not suffix and out.exists() and not out.is_dir()):
        allowed = f"{', '.join(WRITE_SUFFIXES)} for an image, .npz for arrays, or a folder for both"
        raise OutputError(f"cannot write {out}: unknown kind of output; allowed: {allowed}")


def with_pictures(runtime: Runtime, outputs: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """*outputs*, arrays that hold a picture as Pillow images where *out* is an image file.

    TFLite and ONNX files give pictures as arrays; which those are, the file's signature says.
    """
    from PIL import Image

    if out.suffix.lower() not in WRITE_SUFFIXES:
        return dict(outputs)
    shown = {port.name: port for port in runtime.outputs if port.kind == "tensor" and port.color == "RGB" and port.size}
    pictures = {name: to_uint8(from_port(outputs[name], port)) for name, port in shown.items() if name in outputs}
    return {**outputs, **{name: Image.fromarray(picture) for name, picture in pictures.items()}}


def _given(outputs: Mapping[str, Any]) -> str:
    """What a model gives, in words."""
    kinds = {name: summary({name: value}, {})[name] for name, value in outputs.items()}
    return ", ".join(f"{name} ({_kind(found)})" for name, found in kinds.items())


def _kind(found: Mapping[str, Any]) -> str:
    shape = "x".join(map(str, found["shape"])) if "shape" in found else ""
    return " ".join(filter(None, [str(found["kind"]), shape, str(found.get("dtype", ""))]))


def write_outputs(outputs: Mapping[str, Any], out: Path) -> dict[str, Path]:
    """Write images and arrays, and give the file of each.

    *out* is an image file for the only image, an ``.npz`` file for all arrays, or a folder that gets both: a
    ``NAME.png`` for each image and ``outputs.npz``.

    Raises:
        OutputError: *out* does not fit the outputs, or cannot be written.
    """
    images = {name: value for name, value in outputs.items() if _is_image(value)}
    arrays = {name: value for name, value in outputs.items() if isinstance(value, np.ndarray)}
    suffix = out.suffix.lower()
    if suffix in WRITE_SUFFIXES:
        if len(images) != 1:
            raise OutputError(
                f"{out} is for one image, but the model gives {len(images) or 'none'}: {_given(outputs)}. "
                f"Name a folder{' or an .npz file' if arrays else ''}."
            )
        _save_image(next(iter(images.values())), out)
        return dict.fromkeys(images, out)
    if suffix == ".npz":
        if not arrays:
            raise OutputError(f"{out} is for arrays, and the model gives none; name an image file or a folder")
        _save_arrays(arrays, out)
        return dict.fromkeys(arrays, out)
    check_output(out)
    files = {name: out / f"{_file_name(name)}.png" for name in images}
    for name, path in files.items():
        _save_image(images[name], path)
    if arrays:
        _save_arrays(arrays, out / "outputs.npz")
    return {**files, **dict.fromkeys(arrays, out / "outputs.npz")}


def _file_name(name: str) -> str:
    """A name out of a file, which may hold anything, as a plain file name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80] or "output"


def _save_image(image: Any, path: Path) -> None:
    # Of the formats that are written only TIFF keeps the half-precision gray of mode F.
    whole = image.convert("L") if image.mode == "F" and path.suffix.lower() not in (".tif", ".tiff") else image
    with written_aside(path) as aside:
        whole.save(aside)


def _save_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    # Not numpy.savez, which takes the arrays as arguments: an output may have the name of one of its own.
    with written_aside(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)


def summary(outputs: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Each output in words, ready for JSON."""
    found = {}
    for name, value in outputs.items():
        found[name] = _summarized(value)
        if name in files:
            found[name]["file"] = str(files[name])
    return found


def _summarized(value: Any) -> dict[str, Any]:
    if _is_image(value):
        return {"kind": "image", "mode": value.mode, "height": value.height, "width": value.width}
    if isinstance(value, Mapping):
        best = sorted(value.items(), key=lambda item: -item[1] if math.isfinite(item[1]) else math.inf)[:MOST_LABELS]
        top = [{"label": label, "probability": _finite(number)} for label, number in best]
        return {"kind": "probabilities", "labels": len(value), "top": top}
    if isinstance(value, np.ndarray):
        return {"kind": "tensor", "shape": list(value.shape), "dtype": value.dtype.name, **_statistics(value)}
    return {"kind": "value", "value": value.item() if isinstance(value, np.generic) else value}


def _statistics(array: np.ndarray) -> dict[str, Any]:
    if array.dtype.kind not in "biuf":
        return {}
    finite = array[np.isfinite(array)].astype(np.float64)
    found: dict[str, Any] = {"not_finite": int(array.size - finite.size)}
    if finite.size:
        found |= {"least": float(finite.min()), "mean": float(finite.mean()), "greatest": float(finite.max())}
    return found


def _finite(number: Any) -> float | None:
    return float(number) if math.isfinite(number) else None


def _is_image(value: Any) -> bool:
    return hasattr(value, "convert") and hasattr(value, "mode")
