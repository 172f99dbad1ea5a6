"""Material that needs no download: a painting of the project's own, and photographs from two wheels.

The painting is made here, stroke by stroke, so it is nobody else's and needs no licence but ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SEED = 1889
# Strokes are painted at this side and averaged down at the end, which smooths their edges.
CANVAS = 1024

# Paints from dark to light, RGB.
NIGHT = ((13, 20, 62), (19, 36, 98), (28, 58, 138), (46, 92, 170), (30, 112, 130), (84, 152, 178), (158, 198, 202))
LAMP = ((176, 98, 24), (214, 138, 32), (236, 172, 44), (248, 206, 78), (255, 236, 156))
FIELD = ((22, 46, 62), (26, 84, 84), (120, 92, 30), (186, 124, 30), (218, 160, 48), (240, 198, 92))

# Lights in the sky: centre x and y, radius, and sense of rotation. Sides of the canvas are 1, y points down.
LIGHTS = np.array(
    [
        (0.25, 0.27, 0.155, 1.0),
        (0.71, 0.19, 0.115, -1.0),
        (0.55, 0.50, 0.135, -1.0),
        (0.11, 0.60, 0.080, -1.0),
        (0.88, 0.50, 0.105, 1.0),
        (0.47, 0.07, 0.065, 1.0),
        (0.96, 0.07, 0.070, -1.0),
    ]
)

# Layers from the ground up: strokes, width and length of one (pixels of the canvas).
LAYERS = ((500, 44, 150), (1300, 26, 120), (3200, 15, 90), (4600, 9, 64), (2400, 5, 44))
STEPS = 9  # points of a stroke
BRISTLE = 4.0  # width of one bristle's mark, pixels of the canvas


@lru_cache(maxsize=1)
def _painting() -> Image.Image:
    """The whole painting, ``CANVAS`` pixels square. Its fourth channel is the thickness of the paint."""
    random = np.random.Generator(np.random.PCG64(SEED))
    canvas = Image.new("RGBA", (CANVAS, CANVAS), (*NIGHT[0], 0))
    draw = ImageDraw.Draw(canvas)
    for layer, (count, width, length) in enumerate(LAYERS):
        for line, color in _bristles(random, count, width, length, layer):
            draw.line(line, fill=color, width=round(BRISTLE))
    return _lit(canvas)


def style_image(size: int = 512) -> np.ndarray:
    """The project's own painting: impasto strokes along a field of swirls, night blues and warm lights.

    Only arithmetic that is rounded the same everywhere (no sine, no exponential) places the strokes, from
    plain random doubles, so that other machines and other releases of NumPy paint the same picture.

    Args:
        size: side in pixels.

    Returns:
        ``(size, size, 3)`` uint8 RGB, the same bytes each time.
    """
    way = Image.Resampling.BOX if size < CANVAS else Image.Resampling.BICUBIC
    return np.array(_painting().resize((size, size), way))


def _wave(phase: np.ndarray) -> np.ndarray:
    """A smooth wave of period 1 between -1 and 1, from parabolas."""
    part = phase - np.floor(phase)
    wave: np.ndarray = np.where(part < 0.5, 16 * part * (0.5 - part), 16 * (part - 0.5) * (part - 1))
    return wave


def _horizon(x: np.ndarray) -> np.ndarray:
    """Height ``y`` at which the sky ends."""
    return 0.76 + 0.03 * _wave(1.1 * x + 0.2) + 0.012 * _wave(3.7 * x)


def _flow(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Direction of the strokes at ``(x, y)``, of length 1."""
    u = np.ones_like(x)
    v = 0.55 * _wave(0.9 * x + 0.45 * y) + 0.25 * _wave(1.9 * y - 0.8 * x + 0.3)
    for cx, cy, radius, sense in LIGHTS:
        dx, dy = (x - cx) / radius, (y - cy) / radius
        square = dx * dx + dy * dy
        strength = 6.0 / (1 + square * square)
        u += strength * (-sense * dy - 0.15 * dx)
        v += strength * (sense * dx - 0.15 * dy)
    below = y > _horizon(x)
    u = np.where(below, 0.8 + 0.3 * _wave(2.0 * y), u)
    v = np.where(below, 0.75 * _wave(1.3 * x + 1.6 * y), v)
    norm = np.sqrt(u * u + v * v) + 1e-9
    return u / norm, v / norm


def _paths(x: np.ndarray, y: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Streamlines from the points ``(N,)``: two arrays ``(N, STEPS)``."""
    xs, ys = [x], [y]
    for _ in range(STEPS - 1):
        u, v = _flow(xs[-1], ys[-1])
        xs.append(xs[-1] + u * length / (STEPS - 1))
        ys.append(ys[-1] + v * length / (STEPS - 1))
    return np.stack(xs, 1), np.stack(ys, 1)


def _colors(random: np.random.Generator, x: np.ndarray, y: np.ndarray, layer: int) -> np.ndarray:
    """Paint for strokes that begin at ``(x, y)``: ``(N, 3)`` RGB."""
    jitter = 0.32 * random.random(x.shape) - 0.16
    shade = 0.36 + 0.26 * _wave(2.2 * y + 0.9 * x + 0.2 * _wave(1.7 * x)) + 0.10 * _wave(6.1 * y - 2.3 * x)
    color = _pick(NIGHT, shade + jitter + 0.03 * layer)
    for cx, cy, radius, _ in LIGHTS:
        dx, dy = (x - cx) / radius, (y - cy) / radius
        distance = np.sqrt(dx * dx + dy * dy)
        # Rings of light: every other one lets the night through, ever more of it further out.
        lit = 0.86 - 0.50 * distance + 0.42 * _wave(1.7 * distance + 0.25)
        warm = random.random(x.shape) < lit
        color = np.where(warm[:, None], _pick(LAMP, 1.02 - 0.62 * distance + 1.3 * jitter), color)
    field = 0.46 + 0.40 * _wave(5.0 * y + 1.2 * x) + 1.4 * jitter + 0.03 * layer
    return np.where((y > _horizon(x))[:, None], _pick(FIELD, field), color)


def _pick(paints: tuple[tuple[int, int, int], ...], shade: np.ndarray) -> np.ndarray:
    index = np.clip(np.floor(shade * len(paints)), 0, len(paints) - 1).astype(int)
    colors: np.ndarray = np.array(paints, float)[index]
    return colors


def _bristles(
    random: np.random.Generator, count: int, width: int, length: int, layer: int
) -> Iterator[tuple[list[float], tuple[int, ...]]]:
    """Marks of one layer in painting order: points ``x0, y0, x1, y1, ..`` and RGBA."""
    x, y = 1.09 * random.random(count) - 0.06, 1.06 * random.random(count) - 0.03
    colors = _colors(random, x, y, layer)
    xs, ys = _paths(x, y, length / CANVAS)
    u, v = _flow(xs, ys)
    marks = max(2, round(1.25 * width / BRISTLE))
    # The bristles of a stroke lie beside each other, and touch the canvas in random order.
    across = np.argsort(random.random((count, marks)), axis=1) / (marks - 1) - 0.5
    aside = (across * width / CANVAS)[..., None]
    points = CANVAS * np.stack([xs[:, None] - v[:, None] * aside, ys[:, None] + u[:, None] * aside], axis=-1)
    tone = 30 * random.random((count, marks)) - 15
    thick = (0.35 + 0.65 * random.random((count, 1))) * (0.55 + tone / 40) * (1 - 2.2 * across**2)
    paint = np.concatenate([colors[:, None] + tone[..., None], 255 * thick[..., None]], axis=-1)
    rgba = np.clip(paint, 0, 255).astype(int)
    # Ragged ends: no two bristles begin and leave together.
    first = (3 * random.random((count, marks))).astype(int)
    last = STEPS - (3 * random.random((count, marks))).astype(int)
    ragged = zip(points.reshape(-1, STEPS, 2), first.ravel(), last.ravel(), rgba.reshape(-1, 4).tolist(), strict=True)
    for line, begin, end, color in ragged:
        yield line[begin:end].ravel().tolist(), tuple(color)


def _lit(canvas: Image.Image) -> Image.Image:
    """The painting with light from the upper left on its relief."""
    pixels = np.asarray(canvas, np.float64)
    height = pixels[..., 3] / 255
    slope = 2 * height - np.roll(height, 3, 0) - np.roll(height, 3, 1)
    lit = pixels[..., :3] * (1 + 0.30 * np.clip(slope, -1, 1))[..., None] + 30 * np.clip(slope - 0.15, 0, 1)[..., None]
    return Image.fromarray(np.clip(np.floor(lit + 0.5), 0, 255).astype(np.uint8))


def photographs() -> dict[str, np.ndarray]:
    """Seven photographs, by name in name order, each ``(H, W, 3)`` uint8 RGB of 300 to 741 pixels a side.

    They lie inside the wheels of scikit-image and scikit-learn: nothing is downloaded. Their origins and
    licences are in the README.txt beside each file there.
    """
    skimage_data = _folder("skimage") / "data"
    sklearn_data = _folder("sklearn") / "datasets" / "images"
    files = {
        "astronaut": skimage_data / "astronaut.png",
        "chelsea": skimage_data / "chelsea.png",
        "china": sklearn_data / "china.jpg",
        "coffee": skimage_data / "coffee.png",
        "flower": sklearn_data / "flower.jpg",
        "motorcycle": skimage_data / "motorcycle_left.png",
        "rocket": skimage_data / "rocket.jpg",
    }
    return {name: np.array(Image.open(file).convert("RGB")) for name, file in files.items()}


def _folder(library: str) -> Path:
    """Where *library* lies. It is not imported: scikit-learn takes a second, with all of SciPy's statistics."""
    found = find_spec(library)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)
    return Path(found.origin).parent
