"""What every format offers: the two abstract classes that a package of this folder fills in."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.interface import Interface
from export_pipeline.formats.runtime import Runtime
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis
from export_pipeline.records.signature import Signature
from export_pipeline.targets import Target

if TYPE_CHECKING:
    from export_pipeline.emulator import Listing

_BITS = {"int8": 8, "fp16": 16, "fp32": 32}


class Format(abc.ABC):
    """A kind of model file that is opened and read.

    Importing the package of a format is light; its libraries load when one of these methods is called.

    Attributes:
        suffixes: of its files, with the dot.
        libraries: distributions that read, run and write them; a file that was made with others is made again.
        folders: those of the suffixes that are folders.
        options: what :func:`open_model` may be given for it beside the threads.
        needs_tensorflow: whether running a file takes TensorFlow.
        unmeasured: why reports hold no speed and memory of its files, if they do not.
    """

    suffixes: tuple[str, ...]
    libraries: tuple[str, ...]
    folders: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    needs_tensorflow = False
    unmeasured = ""

    def missing(self) -> str:
        """Why no file can be written, read or run here, in words; empty where it can."""
        return ""

    @property
    @abc.abstractmethod
    def runtime(self) -> type[Runtime]:
        """What runs a file; its library is not loaded yet."""

    @abc.abstractmethod
    def contents(self, path: Path, height: int | None, width: int | None) -> Contents:
        """Parameters, sparsity, work and operations of a file; the size is for one that takes any."""

    def interface(self, path: Path) -> Interface:
        """What a file tells about how to call it."""
        return self.runtime(path).interface

    def diagnosis(self, path: Path, contents: Contents) -> Diagnosis:
        """How a file, whose *contents* are known, will fare on an accelerator, and whether it is what it is called."""
        from export_pipeline.formats import diagnosis

        return diagnosis.of_weights(path, contents)

    def listing(self, path: Path) -> Listing | None:
        """The whole program of a file, operation by operation; ``None`` where the format has no reader for it."""
        return None


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel as a file has it: how many values, how they are stored, in how many bits each.

    It is what a convolution, a dense or a recurrent layer multiplies by; ``static.kernels`` says which count.
    ``values`` are those that a runtime computes with, in fp16, where all storages of the format can be read back
    exactly: of a convolution ``(out, in, height, width)``, else ``(in, out)``.
    """

    size: int
    storage: str
    bits: int
    values: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Rounded:
    """A network with trained ranges.

    Attributes:
        model: a Keras network like that which is exported, with fake quantization where a full-integer file rounds.
        ranges: ``(low, high)`` of every activation that is rounded, by the name of the layer that gives it.
    """

    model: Any
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Conversion:
    """What a file is to be made of.

    Attributes:
        model: a Keras network with a batch of 1, of static size or open for the sizes of *signature*.
        signature: what it takes and gives, in its order.
        target: how the file stores and computes it.
        samples: an array by name of input, such as ``(H, W, 3)`` uint8 for a picture; where the target is calibrated.
        title: what the network is for, in a word or two, for formats that have a place for it.
        version: of the network, likewise.
        rounded: the same network with trained ranges, for a target that is calibrated otherwise; none if left out.
        about: who made it, its licence and the like, by the names that ``AboutTable.metadata`` gives.
    """

    model: Any
    signature: Signature
    target: Target
    samples: Sequence[Mapping[str, np.ndarray]] = ()
    title: str = "Neural network"
    version: str = ""
    rounded: Rounded | None = None
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, str]:
        """The entries of a format whose metadata are names and texts, beside the signature."""
        return dict(sorted(self.about.items()))


class WrittenFormat(Format):
    """A format that networks are exported to."""

    @abc.abstractmethod
    def signature(self, network: Signature, target: Target) -> Signature:
        """What a file of *target* takes and gives, made of a network that takes and gives *network*.

        The range of a tensor that calibration sets is open: it is the written file's.
        """

    @abc.abstractmethod
    def write(self, conversion: Conversion, path: Path) -> tuple[str, ...]:
        """Write a file at *path*, its signature in the metadata, and give notes for the report.

        Raises:
            ExportError: the network gains nothing from the target.
        """

    @abc.abstractmethod
    def kernels(self, path: Path) -> tuple[Kernel, ...]:
        """Every kernel, read back from a file; those of equal values once."""

    def stored(self, target: Target, kernels: Sequence[np.ndarray]) -> tuple[Kernel, ...]:
        """What a file of *target* must hold of *kernels*, those of ``static.kernels``."""
        bits = _BITS.get(target.weights, 0)
        return tuple(Kernel(kernel.size, target.weights, bits) for kernel in kernels)
