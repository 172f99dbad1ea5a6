"""What every runtime does: the abstract class, through which values go in and out."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.casting import misfit
from export_pipeline.base.images import check_image
from export_pipeline.errors import ImageError, ModelError, PipelineError, UsageError
from export_pipeline.formats.interface import Interface
from export_pipeline.formats.stress import Stressed
from export_pipeline.formats.values import from_port, noise, to_port
from export_pipeline.records.signature import Port, Signature


class Runtime(abc.ABC):
    """An open model file, ready to run. Subclasses are final: one for each library.

    Attributes:
        name: of the library that runs the file, such as ``LiteRT``.
        version: of that library.
        path: the file.
        threads: what was asked for; ``None`` leaves it to the library, which takes all.
        interface: what the file tells about how to call it: its metadata, its inputs and outputs in order.
    """

    name: str
    version: str
    path: Path
    threads: int | None
    interface: Interface

    @abc.abstractmethod
    def __init__(self, path: Path, threads: int | None = None, **options: Any) -> None:
        """Open *path*; *options* are those that its format names."""

    @classmethod
    @abc.abstractmethod
    def load_library(cls) -> None:
        """Import the library: what a program pays in memory before it has a model."""

    @abc.abstractmethod
    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
        """Run once, with arrays in the file's native layout and type, by name. What is no array comes as it is.

        A port of the kind image takes and gives a float32 array ``(1, C, H, W)``.
        """

    @property
    def metadata(self) -> dict[str, str]:
        """Text entries that the file carries."""
        return self.interface.metadata

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Inputs in the file's order and native layout."""
        return self.interface.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Outputs in the file's order and native layout."""
        return self.interface.outputs

    @property
    def signature(self) -> Signature | None:
        """See :attr:`Interface.signature`."""
        return self.interface.signature

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """As :meth:`run`, but ports of the kind image take and give Pillow images, and optional inputs may be absent.

        An RGB image ``(H, W, 3)`` uint8 goes to any port that holds one, in its layout, type and quantization.
        """
        return self.run({name: self._array(name, value) for name, value in inputs.items()})

    def infer(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Run once, with values as the float network has them, whatever the file's layout, type or quantization is.

        Args:
            inputs: by name of port: for a picture ``(H, W, 3)`` RGB, 0..255, of any type; for a tensor an array of the
                network's axes. The batch axis of one may be left out.

        Returns:
            float32 arrays by name of port, channels last, without a batch axis of one. Labels and dictionaries are
            left out. What a Core ML file gives as an image has whole numbers.

        Raises:
            ImageError: a picture does not have the size of its port.
            ModelError: a name is missing or unknown, a tensor has another shape, or the file cannot run.
        """
        checked_inputs(self, inputs)
        ports = {port.name: port for port in self.inputs}
        outputs = self._run_as_shipped({name: self._fitting(ports[name], value) for name, value in inputs.items()})
        return {port.name: from_port(outputs[port.name], port) for port in self.outputs if port.kind != "value"}

    def stress(self, inputs: Mapping[str, Any]) -> Stressed | None:
        """Run once as hardware would that adds up in half precision; ``None`` where that is not modelled.

        Args:
            inputs: as of :meth:`infer`.

        Raises:
            ImageError, ModelError, EmulatorError: as :meth:`infer`.
        """
        return None

    def stylize(self, image: np.ndarray) -> np.ndarray:
        """An image ``(H, W, 3)`` RGB uint8 in, one of the same size, float32 0..255, out.

        Raises:
            ImageError: the image does not have the file's size.
            ModelError: the file is no network from one image to one image.
        """
        check_image(image)
        source, target = self._image_ports()
        output = self.infer({source.name: image})[target.name]
        if output.ndim != 3 or output.shape[2] != 3:
            raise ModelError(f"{self.path} gives {output.shape}; allowed: an image (height, width, 3)")
        return output

    def takes_size(self, port: Port, height: int, width: int) -> bool:
        """Whether an input takes an image of this size."""
        return port.accepts(port.shape_for(height, width))

    def example(self, height: int = 256, width: int = 256) -> dict[str, np.ndarray]:
        """Inputs for measuring: the same noise every time; free sizes are *height* and *width*."""
        generator = np.random.default_rng(0)
        return {port.name: noise(port, (height, width), generator) for port in self.inputs}

    def _run_as_shipped(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        """:meth:`run` with what an app would see: a Core ML image passes through eight bits."""
        return self.run(arrays)

    def _fitting(self, port: Port, value: Any) -> np.ndarray:
        """*value* as *port* takes it."""
        array = to_port(value, port) if port.kind != "value" else np.asarray(value)
        if not port.shape or port.accepts(array.shape):
            return array
        if port.size is None:
            raise ModelError(f"input {port.name!r} of {self.path.name} takes {port.allowed()}; got {np.shape(value)}")
        raise self._other_size(port, array)

    def _other_size(self, port: Port, array: np.ndarray) -> ImageError:
        given = array.shape[1:3] if port.layout == "NHWC" else array.shape[-2:]
        return ImageError(
            f"{self.path.name} takes images of {' or '.join(port.allowed_sizes())} (height x width); this one is "
            f"{given[0]}x{given[1]}. Resize it first."
        )

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
            laid_out = to_port(array, port)
            if port.sizes and not port.accepts(laid_out.shape):
                raise self._other_size(port, laid_out)  # a library would run an open file at any
            return laid_out
        wrong = misfit(array, port.dtype)
        if wrong:
            raise UsageError(f"input {name!r} takes numbers of type {port.dtype}; this value holds {wrong}")
        return array.astype(port.dtype)

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


def checked_inputs(runtime: Runtime, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
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
