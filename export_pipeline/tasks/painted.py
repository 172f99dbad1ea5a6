"""Photographs painted by simulated brushes: styles of every kind where there are few paintings.

A network of any style that knows a dozen paintings learns those, and little of what lies between and beyond them. Here
a photograph is drawn anew in one of six manners, each with its own random measures: brush strokes along the contours,
from wide to fine (after Hertzmann, "Painterly Rendering with Curved Brush Strokes of Multiple Sizes", 1998), dots,
facets with a slope of colour, flat prints with contours, ink over a wash, and engravings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from export_pipeline.tasks.canvas import OF_SIDE, between, levels, smoothed
from export_pipeline.tasks.inked import engraved, inked

OVERSIZE = 2  # drawn so many times as large, since Pillow draws without smoothing
STEPS = 5  # points of a stroke
SHARP = 12  # pixels of width, as drawn, up to which the gap at a bend is too small to be seen
FINEST, WIDEST = 2.0, 24.0  # radii of brushes, pixels of a square of 512
SHARES = {"strokes": 3, "dots": 1, "facets": 1, "print": 1, "ink": 1, "engraving": 1}


@dataclass(frozen=True)
class Brush:
    """What its strokes are like. One without length makes dots."""

    radius: float  # pixels of a square of 512
    length: float  # radii
    jitter: float  # standard deviation of the brightness, levels
    tint: float  # and of each channel besides, as a share of it
    ridges: bool = False  # a lighter or darker line along each, as thick paint has


def painted(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """*image*, a square ``(S, S, 3)`` uint8, in one of :data:`MANNERS` and with measures that *random* draws.

    How often each is drawn, :data:`SHARES` says. The result has the form of *image*.
    """
    shares = np.array(list(SHARES.values()))
    return MANNERS[str(random.choice(list(SHARES), p=shares / shares.sum()))](image, random)


def _stroked(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    finest = between(FINEST, WIDEST / 3, random)
    radii = [radius for radius in (WIDEST, WIDEST / 2, WIDEST / 4, WIDEST / 8) if radius > 1.5 * finest] + [finest]
    angles = _angles(image, random)
    length, jitter, tint = between(1.5, 8, random), random.uniform(4, 28), random.uniform(0, 0.5)
    brush = Brush(finest, length, jitter, tint, ridges=random.random() < 0.6)
    canvas = _toned(image, random)
    for radius in radii[int(random.integers(len(radii))) :]:
        _strokes(canvas, image, angles, replace(brush, radius=radius), random)
    return _smaller(canvas, len(image))


def _dotted(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    canvas = _toned(image, random)
    smallest, jitter, tint = between(FINEST, WIDEST / 3, random), random.uniform(10, 45), random.uniform(0, 0.5)
    for radius in (2 * smallest, smallest):
        _strokes(canvas, image, _angles(image, random), Brush(radius, 0.0, jitter, tint), random)
    return _smaller(canvas, len(image))


def _faceted(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cells about random places, each in its mean colour, which grows lighter to one side."""
    side = len(image) // 2
    count = max(12, round(between(40, 500, random) * (len(image) / OF_SIDE) ** 2))
    rows, columns = np.mgrid[:side, :side]
    places = random.uniform(0, side, (count, 2))
    stretch = np.exp(random.normal(0, 0.4, (count, 2)))
    cells = _nearest(side, places, stretch, round_cells=random.random() < 0.5)
    small = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX), np.float32)
    mean = _mean_colors(small, cells, count)
    angle, slope = random.uniform(0, 2 * np.pi, count), random.normal(0, random.uniform(0.1, 1.2), count)
    along = (rows - places[cells, 0]) * np.sin(angle)[cells] + (columns - places[cells, 1]) * np.cos(angle)[cells]
    made = mean[cells] + (along * slope[cells])[..., None] + random.normal(0, 10, (count, 3))[cells]
    found = Image.fromarray(levels(made)).resize((len(image),) * 2, Image.Resampling.BICUBIC)
    if random.random() < 0.5:
        found = _contoured(found, cells, random)
    return np.asarray(found)


def _nearest(side: int, places: np.ndarray, stretch: np.ndarray, round_cells: bool) -> np.ndarray:
    """The number of the nearest of *places*, rows and columns, at each pixel, ``(side, side)``.

    Distances are stretched by *stretch*, two factors a place; those of cells that are not round are sums of both.
    """
    line = np.arange(side)
    least, found = np.full((side, side), np.inf), np.zeros((side, side), int)
    for number, (place, factors) in enumerate(zip(places, stretch, strict=True)):
        down, across = (np.abs(line - middle) * factor for middle, factor in zip(place, factors, strict=True))
        distance = down[:, None] ** 2 + across**2 if round_cells else down[:, None] + across
        closer = distance < least
        least[closer], found[closer] = distance[closer], number
    return found


def _printed(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Few flat colours, with dark contours, and the grain of paper."""
    side = len(image)
    blurred = Image.fromarray(image).filter(ImageFilter.GaussianBlur(between(1, 5, random)))
    flat = blurred.quantize(int(random.integers(4, 12)), Image.Quantize.MEDIANCUT)
    flat = flat.filter(ImageFilter.ModeFilter(5))
    found = flat.convert("RGB")
    if random.random() < 0.8:
        found = _contoured(found, np.asarray(flat), random)
    grain = random.normal(0, random.uniform(0, 10), (side, side, 1))
    return levels(np.asarray(found, np.float32) + grain)


def _strokes(
    canvas: Image.Image, image: np.ndarray, angles: np.ndarray, brush: Brush, random: np.random.Generator
) -> None:
    """Draw strokes of *brush* all over *canvas*, along *angles*, in the colours that *image* has where they begin."""
    side = len(image)
    radius = brush.radius * side / OF_SIDE
    seen = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius / 2)), np.float32)
    points = _paths(angles, _count(side / radius, brush.length), brush.length * radius, random)
    row, column = np.clip(points[:, 0].T.astype(int), 0, side - 1)
    lighter = random.normal(0, brush.jitter, (len(points), 1))
    colors = levels(seen[row, column] + lighter + random.normal(0, brush.jitter * brush.tint, (len(points), 3)))
    of_ridges = levels(colors + random.choice((-1, 1), (len(points), 1)) * random.uniform(15, 50))
    drawing, width = ImageDraw.Draw(canvas), max(1, round(2 * radius * OVERSIZE))
    joint = "curve" if width > SHARP else None  # Pillow fills the gap at a bend in Python, a pie each
    for path, color, ridge in zip(points[..., ::-1] * OVERSIZE, colors.tolist(), of_ridges.tolist(), strict=True):
        if brush.length == 0:
            drawing.ellipse((*(path[0] - width / 2), *(path[0] + width / 2)), tuple(color))
            continue
        drawing.line(path.ravel().tolist(), tuple(color), width, joint)
        if brush.ridges:
            drawing.line((path + width / 4).ravel().tolist(), tuple(ridge), max(1, width // 4))


def _count(radii: float, length: float) -> int:
    """How many strokes cover a square of *radii* brush radii a side about once."""
    return int((radii / 1.4) ** 2 * min(1.0, 2.5 / max(length, 1.0)))


def _paths(angles: np.ndarray, count: int, length: float, random: np.random.Generator) -> np.ndarray:
    """*count* curves of *length* pixels along *angles* ``(S, S)``: rows and columns, ``(count, STEPS, 2)``."""
    side = len(angles)
    points = np.empty((count, STEPS, 2))
    points[:, 0] = random.uniform(0, side, (count, 2))
    for step in range(1, STEPS):
        row, column = np.clip(points[:, step - 1].T.astype(int), 0, side - 1)
        ahead = np.stack([np.sin(angles[row, column]), np.cos(angles[row, column])], 1)
        if step > 1:  # an angle and its opposite are the same contour: go on as before
            backwards = (ahead * (points[:, step - 1] - points[:, step - 2])).sum(1) < 0
            ahead *= np.where(backwards, -1, 1)[:, None]
        points[:, step] = points[:, step - 1] + ahead * length / (STEPS - 1)
    return points


def _angles(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The direction of contours at every pixel, radians, ``(S, S)``, from the structure tensor; turned by noise."""
    side = len(image)
    gray = np.asarray(Image.fromarray(image).convert("L"), np.float32)
    down, across = np.gradient(gray, axis=0), np.gradient(gray, axis=1)
    size = max(4, round(side / between(6, 40, random)))
    xx, yy, xy = (smoothed(value, size) for value in (across * across, down * down, across * down))
    turned = smoothed(random.normal(0, 1, (side, side)).astype(np.float32), 5)
    amount = random.uniform(0, 2.5) / max(float(turned.std()), 1e-6)
    found: np.ndarray = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2 + amount * turned
    return found


def _toned(image: np.ndarray, random: np.random.Generator) -> Image.Image:
    """An empty canvas in a tone of *image*."""
    color = levels(image.reshape(-1, 3).mean(0) + random.normal(0, 50, 3))
    return Image.new("RGB", (len(image) * OVERSIZE,) * 2, tuple(color.tolist()))


def _contoured(picture: Image.Image, labels: np.ndarray, random: np.random.Generator) -> Image.Image:
    """*picture* with a line between different *labels*, mostly a dark one."""
    changes = np.zeros(labels.shape, bool)
    changes[1:] |= labels[1:] != labels[:-1]
    changes[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    mask = Image.fromarray(np.uint8(changes) * 255).filter(ImageFilter.MaxFilter(int(random.choice((1, 3, 3, 5)))))
    mask = mask.resize(picture.size, Image.Resampling.BILINEAR)
    dark = random.random() < 0.8
    color = random.uniform(0, 60, 3) if dark else random.uniform(190, 255, 3)
    return Image.composite(Image.new("RGB", picture.size, tuple(levels(color).tolist())), picture, mask)


def _mean_colors(image: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """``(count, 3)``: the mean of *image* ``(H, W, 3)`` where *labels* ``(H, W)`` say each number."""
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    sums = [np.bincount(labels.ravel(), channel.ravel(), count) for channel in np.moveaxis(image, 2, 0)]
    found: np.ndarray = np.stack(sums, 1) / sizes[:, None]
    return found


def _smaller(canvas: Image.Image, side: int) -> np.ndarray:
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


MANNERS = {
    "strokes": _stroked,
    "dots": _dotted,
    "facets": _faceted,
    "print": _printed,
    "ink": inked,
    "engraving": engraved,
}
