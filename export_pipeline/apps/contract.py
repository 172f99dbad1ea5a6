"""What the code of the two demo apps, and of the libraries in them, can run. Their own tests hold them to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from export_pipeline.records.signature import Port, Signature


@dataclass(frozen=True)
class App:
    """One app.

    Attributes:
        name: ``ios`` or ``android``.
        targets: what its code runs, best first.
        takes: how many of them an app needs of a bundle: the best, and those that it falls back to.
        dtypes: types that its code fills a tensor with.
        layouts: of pictures in tensors.
        images: whether its runtime takes pictures as images.
    """

    name: str
    targets: tuple[str, ...]
    takes: int
    dtypes: tuple[str, ...]
    layouts: tuple[str, ...]
    images: bool


_IOS = App(
    "ios",
    # The order of `Choice.targets` in ios_demo/StyleKit. One file: it falls back to other units, not to other files.
    (
        "mlpackage-int8",
        "mlpackage-fp16",
        "mlpackage-sparse",
        "mlpackage-palettized",
        "mlpackage-joint",
        "mlmodel-int8",
        "mlmodel-palettized",
    ),
    takes=1,
    dtypes=("float32",),
    layouts=("NHWC", "NCHW"),
    images=True,
)
_ANDROID = App(
    "android",
    # A GPU wants the first, a CPU the second; the last is for a bundle that has neither.
    ("tflite-fp16", "tflite-dynamic", "tflite-int8"),
    takes=2,
    dtypes=("float32", "uint8", "int8"),
    layouts=("NHWC",),
    images=False,
)
APPS = {app.name: app for app in (_IOS, _ANDROID)}


def refusal(signature: Signature, app: App) -> str:
    """Why the code of *app* does not handle a file with this signature; empty if it does.

    It handles a picture to a picture (a style), a picture to numbers (a painting to what stands for its style), and a
    picture and numbers to a picture.
    """
    pictures = [port for port in signature.inputs if _is_picture(port)]
    if len(pictures) != 1:
        return f"it takes {len(pictures)} pictures, and one is handled"
    if wrong := [port.color for port in (*signature.inputs, *signature.outputs) if port.color not in (None, "RGB")]:
        return f"its pictures are {wrong[0]}, and RGB is handled"
    shown = [port for port in signature.outputs if _is_picture(port)]
    if len(shown) > 1 or (shown and len(signature.outputs) > 1):
        return "it gives more than one picture, or numbers beside it"
    if not shown and len(signature.inputs) > 1:
        return "it takes numbers and gives no picture"
    if shown and shown[0].size != pictures[0].size:
        return "the picture that it gives has another size than the one that it takes"
    return _wrong_type((*signature.inputs, *signature.outputs), app)


def _is_picture(port: Port) -> bool:
    return port.color is not None and port.size is not None and None not in port.size


def _wrong_type(ports: Iterable[Port], app: App) -> str:
    for port in ports:
        if port.kind == "image":
            if not app.images:
                return f"{port.name!r} is an image, and arrays are handled"
        elif port.kind != "tensor":
            return f"{port.name!r} is a {port.kind}, and pictures and arrays are handled"
        elif port.dtype not in app.dtypes:
            return f"{port.name!r} is {port.dtype}; handled: {', '.join(app.dtypes)}"
        elif _is_picture(port) and port.layout not in app.layouts:
            return f"{port.name!r} is {port.layout}; handled: {', '.join(app.layouts)}"
    return ""
