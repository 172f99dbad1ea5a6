"""An encoder and its mirrored decoders: features of an image at five taps, and images of features."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import coding
from export_pipeline.errors import UsageError, WeightsError
from export_pipeline.models.mirrored import mirrored_decoder
from export_pipeline.models.vgg import STAGES, activations, needed_layers
from export_pipeline.perception.loss_network import LossNetwork, check_named, named_loss_network

import tensorflow as tf  # isort: skip - the modules above load it quietly

# The decoders that come along, by encoder.
RELEASED = {"distilled": Path(__file__).parent / "distilled_decoders.weights"}
ENCODER = "encoder_sha256"  # the array that says what the decoders were trained for
Run = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Codec:
    """Encoder and decoders; all images and features are ``(N, H, W, C)`` float32, images RGB 0..255.

    Attributes:
        network: the encoder.
        decoders: Keras models by tap.
        sha256: of all arrays that they are made of.
    """

    network: LossNetwork
    decoders: Mapping[str, Any]
    sha256: str
    _runs: dict[str, Run] = field(default_factory=dict)

    @classmethod
    def open(cls, encoder: str, decoders: Path | None = None, weights: Path | str | None = None) -> Codec:
        """The *encoder* with the *decoders* of a file, or those that come along.

        Args:
            encoder: ``distilled``, ``vgg19``, or the file of a network that ``export-pipeline distill`` made.
            weights: of VGG-19, as ``perception.vgg_weights.vgg19_weights`` takes them.

        Raises:
            UsageError: there is no such encoder, or none come along and no file is named.
            WeightsError: a file is missing, damaged, or of another encoder.
        """
        check_named(encoder, weights)
        network = None if encoder == "vgg19" else named_loss_network(encoder)
        path = decoders or (_released(network) if network else None)
        if path is None:
            raise UsageError(
                f"no decoders of {encoder} come along. Train them: python -m export_pipeline.universal decoders "
                f"--encoder {encoder} --deepest relu4_1 --content FOLDER -o FILE.weights\nand name FILE.weights with "
                "--decoders."
            )
        arrays = coding.read(path)  # first, because what is wrong with it is found without a download
        return cls.of(network or named_loss_network(encoder, weights), arrays, path)

    @classmethod
    def of(cls, network: LossNetwork, arrays: Mapping[str, np.ndarray], source: object) -> Codec:
        """The codec of *network* and *arrays* of :func:`decoder_arrays`, one set for each tap that is there.

        Raises:
            WeightsError: they are of another encoder, or one is missing or does not fit. *source* is named.
        """
        if ENCODER not in arrays:
            raise WeightsError(f"{source} lacks {ENCODER}; it is no file of mirrored decoders")
        if arrays[ENCODER].tobytes() != encoder_mark(network).tobytes():
            raise WeightsError(
                f"{source} has the decoders of another encoder. Train them for this one, or name another."
            )
        taps = [tap for tap in STAGES if f"{tap}/scale" in arrays]
        if not taps:
            raise WeightsError(f"{source} holds no decoder")
        digest = hashlib.sha256(network.sha256.encode())
        for name in sorted(arrays):
            digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
        return cls(network, {tap: _decoder(network, arrays, tap, source) for tap in taps}, digest.hexdigest())

    @property
    def taps(self) -> tuple[str, ...]:
        """Those that have a decoder, the shallowest first."""
        return tuple(tap for tap in STAGES if tap in self.decoders)

    def channels(self, tap: str) -> int:
        """Of the features of *tap*."""
        return len(self.network.weights[tap.replace("relu", "conv")][1])

    def encode(self, images: Any, tap: str) -> np.ndarray:
        """The features of *images* at *tap*; sides that are no multiple of its stride lose what is over."""
        found: np.ndarray = self._run(f"encode {tap}")(tf.constant(images, tf.float32)).numpy()
        return found

    def decode(self, features: Any, tap: str) -> np.ndarray:
        """The images of *features* at *tap*, not clipped."""
        found: np.ndarray = self._run(f"decode {tap}")(tf.constant(features, tf.float32)).numpy()
        return found

    def _run(self, what: str) -> Run:
        """A compiled function that takes any size."""
        if what not in self._runs:
            verb, tap = what.split()
            if verb == "encode":
                weights = constants(self.network, tap)
                channels, call = 3, lambda images: activations(images, weights, (tap,), repeated=True)[0]
            else:
                channels, call = self.channels(tap), lambda features: self.decoders[tap](features, training=False)
            shape = tf.TensorSpec((None, None, None, channels), tf.float32)
            # Traced now: TensorFlow warns of functions that it traces again and again, which ten of these look like.
            self._runs[what] = tf.function(call, input_signature=(shape,), autograph=False).get_concrete_function()
        return self._runs[what]


def _released(network: LossNetwork) -> Path | None:
    """The decoders of *network* that come along, if there are any."""
    marked = (
        path for path in RELEASED.values() if coding.read(path)[ENCODER].tobytes() == bytes.fromhex(network.sha256)
    )
    return next(marked, None)


def constants(network: LossNetwork, tap: str) -> dict[str, tuple[Any, Any]]:
    """The weights of *network* up to *tap* as constants of a graph."""
    return {layer: tuple(map(tf.constant, network.weights[layer])) for layer in needed_layers((tap,))}


def channels_of(network: LossNetwork) -> dict[str, tuple[int, int]]:
    """Inputs and filters of each convolution of *network*."""
    return {layer: (kernel.shape[2], kernel.shape[3]) for layer, (kernel, _) in network.weights.items()}


def encoder_mark(network: LossNetwork) -> np.ndarray:
    """What tells *network* from others, as an array: the SHA-256 of its arrays, ``(32,)`` uint8."""
    return np.frombuffer(bytes.fromhex(network.sha256), np.uint8)


def decoder_arrays(decoder: Any, tap: str, scale: float) -> dict[str, np.ndarray]:
    """The weights of the *decoder* of *tap*: ``relu1_1/scale``, ``relu1_1/conv1_1_kernel``, ``.._bias`` and so on."""
    found = {f"{tap}/scale": np.array([scale], np.float32)}
    for layer in needed_layers((tap,)):
        kernel, bias = decoder.get_layer(layer).get_weights()
        found |= {f"{tap}/{layer}_kernel": kernel, f"{tap}/{layer}_bias": bias}
    return found


def _decoder(network: LossNetwork, arrays: Mapping[str, np.ndarray], tap: str, source: object) -> Any:
    scale = arrays[f"{tap}/scale"]
    if scale.shape != (1,) or not np.isfinite(scale).all() or not scale[0] > 0:
        raise WeightsError(f"{source}: the scale of {tap} is {scale}; it must be one number above 0")
    model = mirrored_decoder(channels_of(network), tap, float(scale[0]))
    for layer in needed_layers((tap,)):
        pair = []
        for part, variable in zip(("kernel", "bias"), model.get_layer(layer).weights, strict=True):
            array = arrays.get(f"{tap}/{layer}_{part}")
            if array is None or array.shape != tuple(variable.shape):
                there = "is missing" if array is None else f"is {array.shape}"
                raise WeightsError(f"{source}: {part} of {layer} of {tap} {there}; it must be {tuple(variable.shape)}")
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise WeightsError(f"{source}: {part} of {layer} of {tap} is not of finite floats")
            pair.append(array)
        model.get_layer(layer).set_weights(pair)
    return model
