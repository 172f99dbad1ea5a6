"""Losses of the pixels of a picture alone: noise, frames along its edges, and the weave that squares of pixels leave.

All take images ``(N, H, W, 3)``, RGB 0..255, and give one value an image, ``(N,)``.
"""

from __future__ import annotations

from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf

from export_pipeline.perception.weave import (
    HARMONICS,
    LEAST_SEEN,
    PATCH,
    PATCH_STRIDE,
    STRIDE,
    WINDOW,
    beside,
    hann,
)

# The frequencies that the weave is found at, and those that it is held against.
PLACES = sorted({(u % WINDOW, v % WINDOW) for place in HARMONICS for u, v in (place, *beside(*place))})
EDGE_SHARES = (32, 8)
EDGE_LINES = 16  # pixels


def total_variation(image: Any) -> Any:
    """Mean absolute difference of neighbouring pixels, over 255, of each image: ``(N,)``."""
    count, height, width, channels = tf.unstack(tf.shape(image))

    # Whole slices: the gradient of a strided one is many times slower.
    def part(top: int, left: int, rows: Any, columns: Any) -> Any:
        return tf.slice(image, (0, top, left, 0), tf.stack((count, rows, columns, channels)))

    down = tf.abs(part(1, 0, height - 1, width) - part(0, 0, height - 1, width))
    right = tf.abs(part(0, 1, height, width - 1) - part(0, 0, height, width - 1))
    return (tf.reduce_mean(down, [1, 2, 3]) + tf.reduce_mean(right, [1, 2, 3])) / 255


def edge_loss(image: Any) -> Any:
    """What zero padding leaves along the four edges, ``(N,)``: jumps of colour and of texture, and lines.

    The sum of :func:`edge_jump` of the image and of its :func:`slopes`, and :func:`edge_lines`.
    """
    return edge_jump(image) + edge_jump(slopes(image)) + edge_lines(image)


def slopes(image: Any) -> Any:
    """How much each pixel differs from the one below and the one to the right, ``(N, H - 1, W - 1, 2 C)``, 0..255.

    A strip of checks has the mean colour of what is beside it; of slopes it has far more.
    """
    count, height, width, channels = tf.unstack(tf.shape(image))
    size = tf.stack((count, height - 1, width - 1, channels))
    own = tf.slice(image, (0, 0, 0, 0), size)
    down, right = tf.slice(image, (0, 1, 0, 0), size) - own, tf.slice(image, (0, 0, 1, 0), size) - own
    return tf.abs(tf.concat([down, right], -1))


def edge_lines(image: Any) -> Any:
    """How much lines along the four edges stand out, over 255: ``(N,)``.

    Rows of pixels at distances 0 .. :data:`EDGE_LINES` from an edge are averaged along it; the loss is the mean
    absolute difference of neighbouring ones. Brush strokes average out along an edge; a frame, however thin, does not.
    """
    found = []
    for profile in (tf.reduce_mean(image, 2), tf.reduce_mean(image, 1)):
        found += [
            tf.abs(part[:, 1:] - part[:, :-1])
            for part in (profile[:, : EDGE_LINES + 1], profile[:, ::-1][:, : EDGE_LINES + 1])
        ]
    return tf.add_n([tf.reduce_mean(part, [1, 2]) for part in found]) / (4 * 255)


def edge_jump(image: Any) -> Any:
    """Mean absolute jump from the strips along the four edges to the strips beside them, over 255: ``(N,)``.

    Zero padding tells a network where the edges are. Left alone it paints a glaring strip there, the same for
    every photograph, which fixes the mean and the deviation that instance norm would take from the photograph.
    Strips of a thirty-second and of an eighth of the side are compared, each averaged over its width.
    """
    count, height, width, channels = tf.unstack(tf.shape(image))
    # As two products with matrices of few rows, whose gradients cost as little as they do.
    rows = tf.reshape(image, (count, height, width * channels))
    across = tf.matmul(_strips(height), rows)
    each = tf.einsum("kw,cd->wckd", _strips(width), tf.eye(channels))
    along = tf.matmul(rows, tf.reshape(each, (width * channels, -1)))
    return (tf.reduce_mean(tf.abs(across), [1, 2]) + tf.reduce_mean(tf.abs(along), [1, 2])) / (2 * 255)


def _strips(side: Any) -> Any:
    """For both ends of *side* pixels and each of the shares a row that takes one strip's mean from the other's."""
    places = tf.range(side)
    found = []
    for share in EDGE_SHARES:
        width = tf.maximum(1, side // share)
        outer, inner = places < width, (places >= width) & (places < 2 * width)
        row = (tf.cast(outer, tf.float32) - tf.cast(inner, tf.float32)) / tf.cast(width, tf.float32)
        found += [row, row[::-1]]
    return tf.stack(found)


def without_border(images: Any, border: int) -> Any:
    """*images*, ``(N, H, W, C)``, without *border* pixels along each edge."""
    return window(images, border, 0, (0, 0)) if border else images


def window(images: Any, border: int, room: int, moved: Any) -> Any:
    """A window into *images*, ``(N, H, W, C)``, that lies *border* pixels and *moved* ones from their first edges.

    Args:
        images: the images.
        border: pixels left out along each edge.
        room: for *moved*, in pixels: so many the window is smaller by.
        moved: by how many rows and columns, 0..*room*.
    """
    count, height, width, channels = tf.unstack(tf.shape(images))
    less = 2 * border + room
    # A whole slice: the gradient of a strided one is many times slower.
    found = tf.slice(
        images, (0, border + moved[0], border + moved[1], 0), (count, height - less, width - less, channels)
    )
    return tf.ensure_shape(found, (None, None, None, images.shape[-1]))


def weave_loss(image: Any) -> Any:
    """Natural logarithm of :func:`weave`, of each channel by itself, where it is above 1: ``(N,)``.

    The mean over patches of 48x48, or over the whole of a smaller image, of geometric means over their windows: a
    pattern in a flat part is seen whatever there is elsewhere. Sides of 16 or more. Windows that do not fit at the
    far edges are left out.
    """
    power = _window_powers(image)

    def at(places: Any) -> Any:
        return tf.gather(power, [PLACES.index((u % WINDOW, v % WINDOW)) for u, v in places], axis=-1)

    expected = [tf.exp(tf.reduce_mean(tf.math.log(at(beside(*place))), -1)) for place in HARMONICS]
    own = tf.reduce_sum(at(HARMONICS), -1)
    return tf.reduce_mean(tf.nn.relu(tf.math.log(own / tf.add_n(expected))), (1, 2, 3))


def _window_powers(image: Any) -> Any:
    """Of each channel and patch the geometric mean over its windows of the power at each of :data:`PLACES`.

    ``(N, 3, patches down, patches across, places)``.
    """
    shape = tf.shape(image)
    planes = tf.reshape(tf.transpose(image, (0, 3, 1, 2)), (-1, shape[1], shape[2], 1))
    parts = [tf.nn.conv2d(planes, kernel, STRIDE, "VALID") for kernel in _waves()]
    power = tf.add_n([tf.square(part) for part in parts]) + LEAST_SEEN
    rows, columns = (tf.minimum(side, PATCH) for side in (tf.shape(power)[1], tf.shape(power)[2]))
    mean = tf.exp(_means(_means(tf.math.log(power), 1, rows), 2, columns))
    down, across = tf.shape(mean)[1], tf.shape(mean)[2]
    return tf.reshape(mean, (shape[0], shape[3], down, across, len(PLACES)))


def _means(values: Any, axis: int, length: Any) -> Any:
    """Means of *values*, ``(N, H, W, C)``, over *length* neighbours along *axis*, every :data:`PATCH_STRIDE`."""
    places = tf.range(0, tf.shape(values)[axis] - length + 1, PATCH_STRIDE)[:, None] + tf.range(length)
    return tf.reduce_mean(tf.gather(values, places, axis=axis), axis + 1)


def _waves() -> tuple[Any, Any]:
    """Real and imaginary parts of the transform of a window that is centred first: ``(16, 16, 1, places)``."""
    wave = np.exp(-2j * np.pi * np.outer(range(WINDOW), range(WINDOW)) / WINDOW) * hann()[:, None]
    both = np.stack([np.outer(wave[:, u], wave[:, v]) for u, v in PLACES], -1)[:, :, None]
    centred = both - both.mean((0, 1))
    return centred.real.astype(np.float32), centred.imag.astype(np.float32)
