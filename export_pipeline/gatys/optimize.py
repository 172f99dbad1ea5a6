"""Stylization by optimization: what is learned are the pixels themselves, and no network but the loss network is there.

Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016; the optimizer is L-BFGS
with bounds (Byrd et al., 1995).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf
from scipy.optimize import Bounds, minimize
from threadpoolctl import threadpool_limits

from export_pipeline.base.images import check_image
from export_pipeline.errors import ImageError, TrainingError, UsageError
from export_pipeline.gatys.canvas import Canvas, colour_canvas, luminance_canvas, matched_luminance
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.losses import LOSSES, STYLE_LOSSES, PerceptualLoss
from export_pipeline.recipe import StyleTrainTable

LEAST_SIDE = 32  # pixels: two of them are left where relu5_1 looks
STARTS = ("photo", "noise")
# Deviation, of 255, of the noise on a photograph that is started from. The content distance is a norm: at the
# photograph itself it has a kink, which is a minimum where the style pulls less, and L-BFGS would never leave it.
START_NOISE = 10.0
MOST_ITERATIONS = 10_000
CORRECTIONS = 20  # that L-BFGS remembers
FIRST_MOVE = 0.02  # of the range of a pixel: how far the mean one goes along the first gradient
SHOWN = ("total", "content", "style", "tv")


@dataclass(frozen=True)
class Optimization:
    """How far to go, from where, and what to weigh.

    The losses are those of training, each relative to something, so the weights hold for every image size.
    """

    iterations: int = 200
    evaluations: int | None = None  # of the losses, after which no iteration begins; one takes one or two
    content_weight: float = 1.0
    style_weight: float = 2.0
    style_loss: Literal["gram", "moments"] = "gram"  # Gram matrices, as published
    tv_weight: float = 0.1
    start: Literal["photo", "noise"] = "photo"
    seed: int = 0  # of the noise, which a photograph as the start has a little of
    preserve_colour: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError for a value out of range."""
        for name, least in (("iterations", 1), ("evaluations", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; it must be {least} or more")
        for name in ("content_weight", "style_weight", "tv_weight"):
            if not (0 <= getattr(self, name) < math.inf):
                raise UsageError(f"{name} is {getattr(self, name)}; it must be a finite number, 0 or more")
        if self.iterations > MOST_ITERATIONS:
            raise UsageError(f"iterations is {self.iterations}; it must be {MOST_ITERATIONS} or less")
        if self.content_weight == self.style_weight == 0:
            raise UsageError("content_weight and style_weight are both 0, which leaves nothing to aim at")
        for name, allowed in (("start", STARTS), ("style_loss", STYLE_LOSSES)):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")

    @property
    def table(self) -> StyleTrainTable:
        """The weights as the losses take them."""
        return StyleTrainTable(
            content_weight=self.content_weight,
            style_weight=self.style_weight,
            style_loss=self.style_loss,
            tv_weight=self.tv_weight,
            edge_weight=0.0,
        )


@dataclass(frozen=True)
class Iteration:
    """What L-BFGS has reached after iteration *number*: the losses by the names in SHOWN, and the picture."""

    number: int
    losses: dict[str, float]
    picture: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Stylized:
    """A *picture* ``(H, W, 3)`` uint8, its losses by the names in SHOWN, what it took, and why it ended there."""

    picture: np.ndarray
    losses: dict[str, float]
    iterations: int
    evaluations: int
    message: str


def stylize(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    network: LossNetwork,
    how: Optimization = Optimization(),
    style_weights: Sequence[float] | None = None,
    on_iteration: Callable[[Iteration], None] = lambda iteration: None,
) -> Stylized:
    """*photo* in the style of *styles*. The same arguments give the same picture on the same machine.

    Args:
        photo, styles: ``(H, W, 3)`` RGB uint8; sides of *photo* of 32 pixels or more. Each style is resized to
            512x512, as the definition of the style distance has it.
        style_weights: of each style, 0 or more, relative to one another; equal when left out.

    Raises:
        ImageError: *photo* is too small.
        UsageError: there is no style, or the weights do not fit the styles.
        TrainingError: a loss is not finite.
    """
    for image in (photo, *styles):
        check_image(image)
    check_size(photo, "the photograph")
    shares = shares_of(styles, style_weights)
    tf.config.experimental.enable_op_determinism()
    canvas = luminance_canvas(photo) if how.preserve_colour else colour_canvas(photo)
    if how.preserve_colour:
        styles = [matched_luminance(style, photo) for style in styles]
    evaluate = _evaluation(PerceptualLoss(network, styles, how.table, shares), canvas)
    return _minimized(evaluate, canvas, how, on_iteration)


def check_size(photo: np.ndarray, name: object) -> None:
    """Raise an ImageError that names *name* where *photo* is too small."""
    height, width = photo.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise ImageError(
            f"{name} is {width}x{height} pixels where it is stylized; both sides must be {LEAST_SIDE} or more.\n"
            "Give a larger photograph or a larger size."
        )


def shares_of(styles: Sequence[object], weights: Sequence[float] | None) -> list[float]:
    """*weights* of *styles*, brought to a sum of one; equal ones for ``None``.

    Raises:
        UsageError: their numbers differ, one is below 0 or not finite, or all are 0.
    """
    if not styles:
        raise UsageError("there is no style image; give one or more")
    weights = [1.0] * len(styles) if weights is None else weights
    if len(weights) != len(styles):
        raise UsageError(f"{len(weights)} style weights for {len(styles)} style images; give one for each")
    if not all(0 <= weight < math.inf for weight in weights) or not 0 < sum(weights) < math.inf:
        raise UsageError(f"style weights {list(weights)}; each must be a finite number, 0 or more, and one above 0")
    return [weight / sum(weights) for weight in weights]


def _evaluation(loss: PerceptualLoss, canvas: Canvas) -> Callable[[np.ndarray], tuple[dict[str, float], np.ndarray]]:
    """From values over 255 to the losses and to the gradient of the total.

    What the photo and the styles look like to the loss network is worked out once, not in every evaluation.
    """
    shape = (1, *canvas.photo.shape)
    wanted = loss.content(tf.constant(canvas.photo[None], tf.float32) + tf.zeros(3))

    @tf.function(autograph=False)
    def evaluated(values: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(values)
            losses = loss.losses(values + tf.zeros(3), wanted)
        return tf.concat([losses[name] for name in LOSSES], 0), tape.gradient(losses["total"], values)

    def evaluate(values: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        losses, gradient = evaluated(tf.constant(values.reshape(shape) * 255, tf.float32))
        found = dict(zip(LOSSES, map(float, losses.numpy()), strict=True))
        if not (math.isfinite(found["total"]) and np.isfinite(gradient.numpy()).all()):
            raise TrainingError(
                f"the loss of the picture, {found['total']}, or its gradient is not finite; try smaller weights"
            )
        return {name: found[name] for name in SHOWN}, gradient.numpy().astype(np.float64).ravel() * 255

    return evaluate


def _minimized(
    evaluate: Callable[[np.ndarray], tuple[dict[str, float], np.ndarray]],
    canvas: Canvas,
    how: Optimization,
    on_iteration: Callable[[Iteration], None],
) -> Stylized:
    bounds = Bounds(canvas.lower.ravel() / 255, canvas.upper.ravel() / 255)
    begun = canvas.noisy_photo(how.seed, START_NOISE) if how.start == "photo" else canvas.noise(how.seed)
    start = np.clip(begun.ravel() / 255, bounds.lb, bounds.ub)
    first = evaluate(start)
    steepness = float(np.abs(first[1]).mean())
    # The first step of L-BFGS is as long as the gradient, which is the shorter the more pixels there are.
    scale = FIRST_MOVE / steepness if steepness > 0 else 1.0
    newest, number = first, 0

    def painted(values: np.ndarray) -> np.ndarray:
        return canvas.picture(values.reshape(canvas.photo.shape) * 255)

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal newest
        newest = evaluate(values) if number or not np.array_equal(values, start) else first
        return newest[0]["total"] * scale, newest[1] * scale

    def callback(intermediate_result: Any) -> None:
        nonlocal number
        number += 1
        values = intermediate_result.x.copy()
        on_iteration(Iteration(number, newest[0], lambda: painted(values)))

    # It goes on as long as it was told to: what is left of a gradient spread over many pixels always looks small.
    options = {"maxiter": how.iterations, "maxcor": CORRECTIONS, "ftol": 0, "gtol": 0}
    options["maxfun"] = how.evaluations or 100 * how.iterations
    solver = {"method": "L-BFGS-B", "jac": True, "bounds": bounds, "callback": callback, "options": options}
    # Its matrices are tiny: threads would wait for each other ten times as long as they work.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(objective, start, **solver)
    return Stylized(painted(found.x), evaluate(found.x)[0], int(found.nit), int(found.nfev), str(found.message))
