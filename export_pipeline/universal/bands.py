"""A Keras network over an image of any size, in bounded memory: layer by layer, each in bands of rows.

Bands of a layer overlap by what its kernel reaches, so that there are no seams; a norm takes its statistics of the
whole image before any band of it is computed. What comes out is what the network gives at once, but for the order of
sums. In memory are at most the values that are still needed, and one band.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.errors import ModelError
from export_pipeline.models import layers as own
from export_pipeline.models.color_transfer import Channels, ColorTransfer, mean_products, sampled, transferred

ROWS = 128  # of a band; of an image 10,240 wide with 40 channels 200 MB
POINTWISE = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.Add,
    keras.layers.Multiply,
    keras.layers.Subtract,
    keras.layers.Concatenate,
    keras.layers.BatchNormalization,
    own.Rescaling,
)
PADDINGS = (own.MirrorPadding, own.EdgePadding)
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)

Progress = Callable[[int, int, str], None]


def run_in_bands(
    model: Any,
    inputs: Mapping[str, np.ndarray],
    rows: int = ROWS,
    progress: Progress = lambda done, count, layer: None,
) -> np.ndarray:
    """What *model* gives for one image.

    Args:
        model: a functional Keras model with one output.
        inputs: ``(H, W, C)`` by input name, any type; what is no image is ``(1, 1, C)``.
        rows: of a band, 1 or more.
        progress: told after each layer, with how many there are and its name.

    Returns:
        ``(H, W, C)`` float32.

    Raises:
        ModelError: a layer is of a kind that no rule is known for.
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}; it must be 1 or more")
    if unknown := sorted({type(layer).__name__ for layer in model.layers if _rule(layer) is None}):
        raise ModelError(f"cannot run {', '.join(unknown)} in bands. Run the network on a smaller image, at once.")
    needed = _uses(model)
    for tensor in model.inputs:  # which are the caller's: no value is put in their place
        needed[id(tensor)] = needed.get(id(tensor), 0) + 1
    values: dict[int, np.ndarray] = {}
    for done, layer in enumerate(model.layers, 1):
        if isinstance(layer, keras.layers.InputLayer):
            values[id(layer.output)] = inputs[layer.name]
        else:
            values[id(layer.output)] = _output(layer, values, needed, rows)
        progress(done, len(model.layers), layer.name)
    return values[id(model.outputs[0])]


def _output(layer: Any, values: dict[int, np.ndarray], needed: dict[int, int], rows: int) -> np.ndarray:
    """What *layer* gives of *values*, of which it takes out those that no later layer needs."""
    given, spare = [], None
    for tensor in _inputs(layer):
        given.append(values[id(tensor)])
        needed[id(tensor)] -= 1
        if not needed[id(tensor)]:
            last = values.pop(id(tensor))
            spare = last if last.dtype == np.float32 and last.flags.owndata and last.flags.writeable else spare
    rule = _rule(layer)
    assert rule is not None
    if isinstance(layer, (*POINTWISE, own.InstanceNormalization)):
        return rule(layer, given, rows, spare)
    return rule(layer, given, rows)


def _inputs(layer: Any) -> list[Any]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _uses(model: Any) -> dict[int, int]:
    """How many layers take each tensor; the output is taken by the caller, too."""
    found: dict[int, int] = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            for tensor in _inputs(layer):
                found[id(tensor)] = found.get(id(tensor), 0) + 1
    for tensor in model.outputs:
        found[id(tensor)] = found.get(id(tensor), 0) + 1
    return found


Rule = Callable[..., np.ndarray]


def _rule(layer: Any) -> Rule | None:
    rules: list[tuple[Any, Rule]] = [
        (keras.layers.InputLayer, lambda layer, given, rows: given[0]),
        (own.InstanceNormalization, _normed),
        (ColorTransfer, _recolored),
        (Channels, lambda layer, given, rows: _called(layer, given[0])),
        (keras.layers.GlobalAveragePooling2D, lambda layer, given, rows: _moments(given[0], rows)[0]),
        (POINTWISE, _pointwise),
        (CONVOLUTIONS, _convolved),
        (PADDINGS, _padded),
        (keras.layers.Cropping2D, _cropped),
        (own.MatchSize, _matched),
        (own.SpaceToDepth, _to_depth),
        ((own.DepthToSpace, keras.layers.UpSampling2D), _enlarged),
    ]
    return next((rule for kinds, rule in rules if isinstance(layer, kinds)), None)


def _bands(height: int, rows: int) -> Iterator[slice]:
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def _called(layer: Any, *given: np.ndarray) -> np.ndarray:
    tensors = [tf.constant(np.asarray(value)[None], tf.float32) for value in given]
    found: np.ndarray = layer(tensors if len(tensors) > 1 else tensors[0], training=False).numpy()[0]
    return found


def _collected(height: int, bands: Iterator[tuple[slice, np.ndarray]], spare: np.ndarray | None = None) -> np.ndarray:
    """Bands of rows as one array of *height*: in *spare*, of which only the same rows are read, if it has the shape."""
    whole: np.ndarray | None = None
    for place, band in bands:
        if whole is None:
            shape = (height, *band.shape[1:])
            whole = spare if spare is not None and spare.shape == shape else np.empty(shape, np.float32)
        whole[place] = band
    assert whole is not None
    return whole


def _pointwise(layer: Any, given: list[np.ndarray], rows: int, spare: np.ndarray | None) -> np.ndarray:
    height = max(value.shape[0] for value in given)

    def part(value: np.ndarray, band: slice) -> np.ndarray:
        return value if value.shape[0] == 1 and height > 1 else value[band]

    bands = ((band, _called(layer, *(part(value, band) for value in given))) for band in _bands(height, rows))
    return _collected(height, bands, spare)


def _moments(value: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel over all positions, ``(1, 1, C)`` float32, added up in double precision."""
    count = value.shape[0] * value.shape[1]
    parts = [value[band].sum((0, 1), dtype=np.float64) for band in _bands(value.shape[0], rows)]
    mean = np.sum(parts, 0) / count
    squares = [np.square(value[band] - mean).sum((0, 1)) for band in _bands(value.shape[0], rows)]
    variance = np.sum(squares, 0) / count
    return mean.astype(np.float32)[None, None], variance.astype(np.float32)[None, None]


def _normed(layer: Any, given: list[np.ndarray], rows: int, spare: np.ndarray | None) -> np.ndarray:
    (value,) = given
    mean, variance = _moments(value, rows)
    scale = layer.gamma.numpy() / np.sqrt(variance + layer.epsilon)
    shift = layer.beta.numpy() - mean * scale
    bands = ((band, value[band] * scale + shift) for band in _bands(value.shape[0], rows))
    return _collected(value.shape[0], bands, spare)


def _recolored(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    image, colors, strength = given
    few = sampled(image[None])[0]
    # Each band has a say by its rows.
    sums = [mean_products(few[band][None]).numpy() * (band.stop - band.start) for band in _bands(few.shape[0], rows)]
    own_colors = (np.sum(sums, 0, dtype=np.float64) / few.shape[0]).astype(np.float32)
    told = own_colors, colors[None], strength[None]
    bands = ((band, transferred(image[band][None], *told).numpy()[0]) for band in _bands(image.shape[0], rows))
    return _collected(image.shape[0], bands)


def _convolved(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    (value,) = given
    (kernel_rows, _), (stride, _), height = layer.kernel_size, layer.strides, value.shape[0]
    same = layer.padding == "same"
    made = -(-height // stride) if same else (height - kernel_rows) // stride + 1
    # Zeros above, as TensorFlow puts them: half of what is missing, rounded down.
    above = max(0, (made - 1) * stride + kernel_rows - height) // 2 if same else 0

    def band_of(band: slice) -> np.ndarray:
        first, last = band.start * stride - above, (band.stop - 1) * stride - above + kernel_rows
        part = value[max(0, first) : min(height, last)]
        missing = (max(0, -first), max(0, last - height))
        return _valid_rows(layer, np.pad(part, (missing, (0, 0), (0, 0))), value.shape[1])

    return _collected(made, ((band, band_of(band)) for band in _bands(made, rows)))


def _valid_rows(layer: Any, part: np.ndarray, width: int) -> np.ndarray:
    """The convolution *layer* of *part*, whose rows are all there, and whose columns are filled up as it says."""
    (_, columns), (_, stride) = layer.kernel_size, layer.strides
    before = after = 0
    if layer.padding == "same":
        missing = max(0, (-(-width // stride) - 1) * stride + columns - width)
        before, after = missing // 2, missing - missing // 2
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    convolve = tf.nn.depthwise_conv2d if depthwise else tf.nn.conv2d
    kernel = layer.depthwise_kernel if depthwise else layer.kernel
    strides = (1, *layer.strides, 1) if depthwise else layer.strides
    padded = tf.pad(tf.constant(part[None], tf.float32), ((0, 0), (0, 0), (before, after), (0, 0)))
    found = convolve(padded, kernel, strides, "VALID")
    if layer.use_bias:
        found = tf.nn.bias_add(found, layer.bias)
    made: np.ndarray = layer.activation(found).numpy()[0]
    return made


def _padded(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    margin = (layer.margin, layer.margin)
    mode = "reflect" if isinstance(layer, own.MirrorPadding) else "edge"
    found: np.ndarray = np.pad(given[0], (margin, margin, (0, 0)), mode=mode)  # type: ignore[call-overload]
    return found


def _cropped(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    (top, bottom), (left, right) = layer.cropping
    height, width = given[0].shape[:2]
    return given[0][top : height - bottom, left : width - right]


def _matched(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    value, like = given
    if layer.resize and value.shape[:2] != like.shape[:2]:
        raise ModelError("cannot resize in bands; use a network with rho = 1")
    return value[: like.shape[0], : like.shape[1]]


def _to_depth(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    block, (height, width) = layer.block, given[0].shape[:2]
    made = -(-height // block)

    def band_of(band: slice) -> np.ndarray:
        part = given[0][band.start * block : band.stop * block]
        missing = ((0, (band.stop - band.start) * block - part.shape[0]), (0, -width % block), (0, 0))
        return _called(layer, np.pad(part, missing))

    return _collected(made, ((band, band_of(band)) for band in _bands(made, rows)))


def _enlarged(layer: Any, given: list[np.ndarray], rows: int) -> np.ndarray:
    """Of layers that make several rows of one and look at no other."""
    (value,) = given
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise ModelError(f"cannot run {layer.name} in bands: it looks at rows beside its own")
    times = layer.block if isinstance(layer, own.DepthToSpace) else layer.size[0]
    bands = (
        (slice(band.start * times, band.stop * times), _called(layer, value[band]))
        for band in _bands(value.shape[0], rows)
    )
    return _collected(value.shape[0] * times, bands)
