"""What every runtime does: the abstract class, and the door through which images go in and out."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.casting import misfit
from export_pipeline.base.images import check_image, fit
from export_pipeline.errors import ImageError, ModelError, PipelineError, UsageError
from export_pipeline.records.signature import ImageSignature

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Port:
    """One input or output: ``None`` in ``shape`` is a size that is free.

    ``kind`` is image, tensor, or value: a number, a label, or a dictionary of labels with their probabilities. A
    quantized port holds ``q`` for the value ``scale * (q - zero_point)``.
    """

    name: str
    shape: Shape
    dtype: str
    kind: str = "tensor"
    scale: float = 1.0
    zero_point: int = 0
    optional: bool = False

    @property
    def size(self) -> tuple[int | None, int | None] | None:
        """Height and width of an RGB image in this port, or ``None`` when it holds no image."""
        if len(self.shape) == 4 and self.shape[3] == 3:
            return self.shape[1], self.shape[2]
        if len(self.shape) in (3, 4) and self.shape[-3] == 3:  # arrays of older Core ML files have no batch
            return self.shape[-2], self.shape[-1]
        return None

    @property
    def channels_last(self) -> bool:
        """Whether the layout is NHWC."""
        return len(self.shape) == 4 and self.shape[3] == 3


@dataclass(frozen=True)
class Interface:
    """What a file tells about how to call it: text entries that it carries, and its inputs and outputs in order."""

    metadata: dict[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def signature(self) -> ImageSignature | None:
        """From the file's metadata, else from its input's shape; ``None`` when it takes any size or no image."""
        written = ImageSignature.from_metadata(self.metadata)
        if written is not None or len(self.inputs) != 1 or len(self.outputs) != 1:
            return written
        height, width = self.inputs[0].size or (None, None)
        if height is None or width is None or not (16 <= height <= 4096 and 16 <= width <= 4096):
            return None
        return ImageSignature(
            height=height, width=width, input_name=self.inputs[0].name, output_name=self.outputs[0].name
        )


class Runtime(abc.ABC):
    """An open model file, ready to run. Subclasses are final: one for each library.

    Attributes:
        name: of the library that runs the file, such as ``LiteRT``.
        version: of that library.
        path: the file.
        threads: what was asked for; ``None`` leaves it to the library, which takes all.
        metadata: text entries that the file carries.
        inputs, outputs: in the file's order and native layout.
    """

    name: str
    version: str
    path: Path
    threads: int | None
    metadata: dict[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    @abc.abstractmethod
    def load_library(cls) -> None:
        """Import the library: what a program pays in memory before it has a model."""

    @abc.abstractmethod
    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
        """Run once, with arrays in the file's native layout and type, by name. What is no array comes as it is."""

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """As :meth:`run`, but ports of the kind image take and give Pillow images, and optional inputs may be absent.

        An RGB image ``(H, W, 3)`` uint8 goes to any port that holds one, in its layout, type and quantization.
        """
        return self.run({name: self._array(name, value) for name, value in inputs.items()})

    def takes_size(self, port: Port, height: int, width: int) -> bool:
        """Whether an input takes an image of this size."""
        wanted = port.size or port.shape[-2:]
        return all(size in (None, given) for size, given in zip(wanted, (height, width), strict=True))

    @property
    def signature(self) -> ImageSignature | None:
        """See :attr:`Interface.signature`."""
        return Interface(self.metadata, self.inputs, self.outputs).signature

    def _array(self, name: str, value: Any) -> np.ndarray:
        """A value for the input *name* as the file wants it.

        Raises:
            UsageError: it holds what the input's type cannot.
        """
        port = next((port for port in self.inputs if port.name == name), None)
        array = np.asarray(value)
        if port is None or port.kind == "value":
            return array
        if port.size is not None and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
            return _to_port(array, port)
        wrong = misfit(array, port.dtype)
        if wrong:
            raise UsageError(f"input {name!r} takes numbers of type {port.dtype}; this value holds {wrong}")
        return array.astype(port.dtype)

    def stylize(self, image: np.ndarray) -> np.ndarray:
        """An image ``(H, W, 3)`` RGB uint8 in, one of the same size, float32 0..255, out.

        Raises:
            ImageError: the image does not have the file's size.
            ModelError: the file is no network from one image to one image.
        """
        check_image(image)
        source, target = self._image_ports()
        height, width = source.size or (None, None)
        if not self.takes_size(source, *image.shape[:2]):
            raise ImageError(
                f"{self.path.name} takes images of {height or 'any'}x{width or 'any'} (height x width); this one is "
                f"{image.shape[0]}x{image.shape[1]}. Resize it first."
            )
        array = self._run_image(_to_port(image, source))
        output = self._image_out(array, target if target.shape else replace(target, shape=array.shape))
        if output.ndim != 3 or output.shape[2] != 3:
            raise ModelError(f"{self.path} gives {output.shape}; allowed: an image (height, width, 3)")
        return output

    def example(self, height: int = 256, width: int = 256) -> dict[str, np.ndarray]:
        """Inputs for measuring: the same noise every time; free sizes are *height* and *width*."""
        generator = np.random.default_rng(0)
        return {port.name: _noise(port, (height, width), generator) for port in self.inputs}

    def _run_image(self, array: np.ndarray) -> np.ndarray:
        return next(iter(self.run({self.inputs[0].name: array}).values()))

    def _image_out(self, array: np.ndarray, port: Port) -> np.ndarray:
        values = (array.astype(np.float32) - np.float32(port.zero_point)) * np.float32(port.scale)
        values = values[0] if values.ndim == 4 else values
        if values.ndim != 3:
            return values
        return values if port.channels_last else np.ascontiguousarray(values.transpose(1, 2, 0))

    def _image_ports(self) -> tuple[Port, Port]:
        ports = (*self.inputs, *self.outputs)
        # Where the size of an image is open, so is the shape of what becomes of it.
        known = len(self.inputs) == len(self.outputs) == 1 and self.inputs[0].size is not None
        if known and (self.outputs[0].size is not None or (not self.outputs[0].shape and ports[1].kind == "tensor")):
            return self.inputs[0], self.outputs[0]
        listed = ", ".join(f"{port.name} {port.shape}" for port in ports)
        raise ModelError(
            f"{self.path} is no network from one RGB image to one RGB image: it has {listed}.\n"
            "`export-pipeline predict` runs any network."
        )


def resize_to(image: np.ndarray, signature: ImageSignature | None) -> np.ndarray:
    """*image* fitted to the size in *signature* (resized, then its centre); as it is when there is none."""
    return image if signature is None else fit(image, signature.height, signature.width)


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises on opening *path* into a ModelError that says *what* is allowed."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # libraries raise their own types, and plain ones, on foreign bytes
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise ModelError(f"{path} is damaged or not {what} ({first}). Give a whole file; export it again.") from error


def checked_inputs(runtime: Runtime, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """*inputs*, whose names must be those of the file; optional ones may be left out.

    Raises:
        ModelError: a name is missing or unknown.
    """
    wanted = {port.name for port in runtime.inputs}
    needed = {port.name for port in runtime.inputs if not port.optional}
    if not needed <= set(inputs) <= wanted:
        raise ModelError(f"{runtime.path.name} takes inputs {sorted(wanted)}; got {sorted(inputs)}")
    return inputs


def running(runtime: Runtime, call: Callable[[], Any]) -> Any:
    """Call the library; what it raises becomes a ModelError that names the file."""
    try:
        return call()
    except PipelineError:
        raise
    except Exception as error:  # as in reading()
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ModelError(f"{runtime.name} cannot run {runtime.path.name}: {first}") from error


def _to_port(image: np.ndarray, port: Port) -> np.ndarray:
    """An image in the layout, type and quantization of *port*, as a batch of one."""
    if port.scale == 1 and port.zero_point == 0:
        array = image.astype(port.dtype)
    else:
        limits = np.iinfo(port.dtype)
        quantized = np.rint(image.astype(np.float32) / np.float32(port.scale)) + port.zero_point
        array = np.clip(quantized, limits.min, limits.max).astype(port.dtype)
    array = np.ascontiguousarray(array if port.channels_last else array.transpose(2, 0, 1))
    return array[None] if len(port.shape) == 4 else array


def _noise(port: Port, size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    if port.size is not None:
        height, width = (given or wanted for given, wanted in zip(port.size, size, strict=True))
        return _to_port(generator.integers(0, 256, (height, width, 3), dtype=np.uint8), port)
    if port.dtype in ("string", "dictionary"):
        raise ModelError(f"input {port.name!r} is a {port.dtype}, for which there is no example")
    shape = tuple(length or 1 for length in port.shape)
    if port.scale == 1 and port.dtype in ("int32", "int64"):
        return generator.integers(0, 2, shape).astype(port.dtype)  # often indices, which large numbers are not
    return np.asarray(generator.random(shape) * 255).astype(port.dtype)
