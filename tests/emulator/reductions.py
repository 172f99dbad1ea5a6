"""Cases of operations that join values: reductions, sorting and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.emulator.cases import POSITIVE, ROW, UNIT, Case, _noise
from tests.emulator.mil import mb


def _reduced(name: str, expected: Callable[..., Any], x: np.ndarray = POSITIVE, axes: Any = (1, -1)) -> Case:
    return Case(
        name, lambda v: getattr(mb, name)(x=v, axes=list(axes), keep_dims=True),
        lambda v: expected(v.astype(np.float64), axis=axes, keepdims=True), (x,),
    )  # fmt: skip


REDUCTIONS = [
    _reduced("reduce_mean", np.mean), _reduced("reduce_sum", np.sum), _reduced("reduce_max", np.max),
    _reduced("reduce_min", np.min), _reduced("reduce_prod", np.prod, axes=(2,)),
    _reduced("reduce_l1_norm", lambda x, **k: np.abs(x).sum(**k), UNIT),
    _reduced("reduce_l2_norm", lambda x, **k: np.sqrt((x**2).sum(**k))),
    _reduced("reduce_sum_square", lambda x, **k: (x**2).sum(**k)),
    _reduced("reduce_log_sum", lambda x, **k: np.log(x.sum(**k))),
    _reduced("reduce_log_sum_exp", lambda x, **k: np.log(np.exp(x).sum(**k))),
    Case("reduce_argmax", lambda x: mb.reduce_argmax(x=x, axis=1), lambda x: x.argmax(1), (ROW,)),
    Case("reduce_argmin", lambda x: mb.reduce_argmin(x=x, axis=0, keep_dims=True), lambda x: x.argmin(0)[None], (ROW,)),
    Case("cumsum", lambda x: mb.cumsum(x=x, axis=1, exclusive=True, reverse=True),
         lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1] - x, (ROW,)),
    Case("topk", lambda x: mb.topk(x=x, k=2, axis=1),
         lambda x: (-np.sort(-x, 1)[:, :2], np.argsort(-x, 1)[:, :2]), (ROW,)),
    Case("argsort", lambda x: mb.argsort(x=x, axis=1, ascending=True), lambda x: np.argsort(x, 1), (ROW,)),
]  # fmt: skip

_M = _noise(5, 3, seed=11)
PRODUCTS = [
    Case("linear", lambda x: mb.linear(x=x, weight=_M.T.copy(), bias=_M[0]), lambda x: x @ _M + _M[0], (ROW,)),
    Case("matmul", lambda x, y: mb.matmul(x=x, y=y, transpose_x=True), lambda x, y: x.T @ y, (ROW, ROW[:, :3])),
    Case("einsum", lambda x, y: mb.einsum(values=(x, y), equation="bchw,bwhu->bchu"),
         lambda x, y: np.einsum("bchw,bwhu->bchu", x, y), (_noise(1, 2, 3, 4), _noise(1, 4, 3, 5))),
]  # fmt: skip

CASES = [*REDUCTIONS, *PRODUCTS]
