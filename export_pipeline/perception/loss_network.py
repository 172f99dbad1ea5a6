"""The network whose features the perceptual losses compare: VGG-19, or the small one that was distilled from it.

The distilled network has a quarter of VGG-19's filters. Its features F' are embedded linearly in VGG-19's, ``F = F' Q``
(Wang et al., CVPR 2020). The losses are taken of ``F' Q``, and so read in the units of VGG-19, without ever computing
it: with the symmetric root ``S = (Q Q^T)^(1/2)``, ``||F' S||_F = ||F' Q||_F``, and so it is
with the Gram matrices but for the ratio of the numbers of channels, which a relative distance does not see. S is as
narrow as F'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import coding
from export_pipeline.errors import UsageError, WeightsError
from export_pipeline.perception.vgg_weights import Weights, vgg19_weights, vgg_weights
from export_pipeline.recipe import PerceptualRecipe

NAMES = ("distilled", "vgg19")
DISTILLED = Path(__file__).parent / "distilled.weights"


@dataclass(frozen=True)
class LossNetwork:
    """Convolutions of VGG's form up to relu5_1 at least, and the embedding Q of each stage in VGG-19's, if it has any.

    ``weights``: kernel ``(3, 3, in, out)`` and bias ``(out,)`` by layer; ``embeddings``: ``(C', C)`` by activation.
    """

    weights: Weights
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def roots(self) -> dict[str, np.ndarray]:
        """The root S of each embedding, ``(C', C')`` by activation; its last bits are those of this machine."""
        return {stage: symmetric_root(embedding) for stage, embedding in self.embeddings.items()}

    @cached_property
    def sha256(self) -> str:
        """Of the arrays as they are stored, the same on every machine: what a training was looked at through."""
        digest = hashlib.sha256()
        for layer, pair in sorted(self.weights.items()):
            for array in pair:
                digest.update(f"{layer}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        for layer, embedding in sorted(self.embeddings.items()):
            digest.update(layer.encode() + np.ascontiguousarray(embedding).tobytes())
        return digest.hexdigest()

    def features(self, outputs: Sequence[str]) -> Any:
        """A Keras model from ``(N, H, W, 3)`` RGB 0..255 to the list of activations F'; a single one comes alone."""
        from export_pipeline.models.vgg import vgg19

        return vgg19(self.weights, outputs)

    def embedded_matrix(self, matrix: Any, layer: str) -> Any:
        """``S M S`` of Gram matrices or covariances M of F', ``(N, C', C')``: its norms are those of ``F' Q``."""
        import tensorflow as tf

        root = self._root(layer)
        return matrix if root is None else tf.matmul(tf.matmul(root, matrix), root)

    def embedded_mean(self, mean: Any, layer: str) -> Any:
        """``m S`` of means m of F', ``(N, C')``: its norms are those of the means of ``F' Q``."""
        import tensorflow as tf

        root = self._root(layer)
        return mean if root is None else tf.matmul(mean, root)

    def embedded(self, features: Any, layer: str) -> Any:
        """``F' S`` of features ``(N, H, W, C')``: its norms are those of ``F' Q``."""
        import tensorflow as tf

        root = self._root(layer)
        return features if root is None else tf.nn.conv2d(features, root[None, None], 1, "SAME")

    def _root(self, layer: str) -> Any:
        import tensorflow as tf

        return tf.constant(self.roots[layer]) if layer in self.roots else None


def loss_network(recipe: PerceptualRecipe) -> LossNetwork:
    """The one that ``train.loss_network`` of *recipe* names.

    Raises:
        WeightsError: its weights are damaged, or VGG-19's are not there and cannot be fetched.
    """
    return LossNetwork(vgg_weights(recipe)) if recipe.train.loss_network == "vgg19" else distilled()


def named_loss_network(name: str, weights: Path | str | None = None) -> LossNetwork:
    """``vgg19``, with its *weights* as :func:`vgg19_weights` takes them, ``distilled``, or one distilled in a file.

    Raises:
        UsageError: there is none of that name.
        WeightsError: a file is damaged, or holds something else.
    """
    check_named(name, weights)
    if name == "vgg19":
        return LossNetwork(vgg19_weights(weights))
    return distilled() if name == "distilled" else distilled(Path(name))


def check_named(name: str, weights: Path | str | None = None) -> None:
    """Raise what :func:`named_loss_network` would of *name* alone.

    Raises:
        UsageError: there is no such network, or *weights* are of another one.
    """
    if name not in NAMES and not Path(name).is_file():
        raise UsageError(f"there is no network {name!r}; allowed: {', '.join(NAMES)}, or a .weights file of distill")
    if weights is not None and name != "vgg19":
        raise UsageError("weights of VGG-19 are for vgg19 alone. Leave --vgg-weights out.")


@cache
def distilled(path: Path = DISTILLED) -> LossNetwork:
    """The distilled network in *path*, a ``.weights`` container that ``export-pipeline distill`` makes.

    Raises:
        WeightsError: it is missing, damaged, or holds something else.
    """
    return from_arrays(coding.read(path), path)


def from_arrays(arrays: Mapping[str, np.ndarray], source: object) -> LossNetwork:
    """The loss network of ``conv1_1_kernel``, ``conv1_1_bias`` .. and, if it has embeddings, ``relu1_1_embedding`` ..

    Raises:
        WeightsError: an array is missing, does not fit the one before, or is not finite. *source* is named.
    """
    from export_pipeline.models.vgg import STAGES, needed_layers

    weights, channels = {}, 3
    for layer in needed_layers(STAGES):
        kernel, bias = (_array(arrays, f"{layer}_{part}", source) for part in ("kernel", "bias"))
        if kernel.ndim != 4 or kernel.shape[:3] != (3, 3, channels) or bias.shape != kernel.shape[3:]:
            shapes = f"{kernel.shape} and {bias.shape}"
            raise WeightsError(f"{source}: kernel and bias of {layer} are {shapes}, not (3, 3, {channels}, n) and (n,)")
        weights[layer], channels = (kernel, bias), kernel.shape[3]
    embeddings: dict[str, np.ndarray] = {}
    if not any(f"{stage}_embedding" in arrays for stage in STAGES):
        return LossNetwork(weights, embeddings)
    for stage in STAGES:
        embedding = _array(arrays, f"{stage}_embedding", source)
        if embedding.ndim != 4 or embedding.shape[:3] != (1, 1, len(weights[stage.replace("relu", "conv")][1])):
            raise WeightsError(f"{source}: the embedding of {stage} is {embedding.shape}, which does not fit its layer")
        embeddings[stage] = embedding[0, 0]
    return LossNetwork(weights, embeddings)


def symmetric_root(embedding: np.ndarray) -> np.ndarray:
    """``(Q Q^T)^(1/2)`` of Q ``(C', C)``: symmetric, ``(C', C')``, float32."""
    wide = embedding.astype(np.float64)
    values, vectors = np.linalg.eigh(wide @ wide.T)
    root: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root.astype(np.float32)


def _array(arrays: Mapping[str, np.ndarray], name: str, source: object) -> np.ndarray:
    if name not in arrays:
        raise WeightsError(f"{source} lacks {name}; it is not a distilled loss network")
    if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
        raise WeightsError(f"{source}: {name} is not of finite floats")
    return arrays[name].astype(np.float32)
