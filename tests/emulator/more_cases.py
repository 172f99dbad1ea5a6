"""Further cases: what Apple's own tests compare only where PyTorch is installed."""

from __future__ import annotations

import numpy as np

from tests.emulator.cases import Case, _noise
from tests.emulator.mil import mb

_f = np.float32
ROWS = _noise(2, 5, seed=20)
SEQUENCE = _noise(4, 2, 3, seed=21)
_H = 3


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


_GRU = [_noise(3 * _H, size, seed=22 + size) / 2 for size in (3, _H)] + [_noise(3 * _H, seed=29) / 2]
_RNN = [_noise(_H, size, seed=32 + size) / 2 for size in (3, _H)] + [_noise(_H, seed=39) / 2]
_START = _noise(2, _H, seed=40)


def _gru(x: np.ndarray, after: bool = False) -> tuple[np.ndarray, np.ndarray]:
    h, outputs = _START, []
    (wr, wo, wz), (ur, uo, uz), (br, bo, bz) = (np.split(part, 3) for part in _GRU)
    for step in x:
        reset = _sigmoid(step @ wr.T + h @ ur.T + br)
        update = _sigmoid(step @ wz.T + h @ uz.T + bz)
        gated = reset * (h @ uo.T + bo) if after else (reset * h) @ uo.T + bo
        h = (1 - update) * np.tanh(step @ wo.T + gated) + update * h
        outputs.append(h)
    return np.stack(outputs), h


def _rnn(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    h, outputs = _START, []
    for step in x[::-1]:
        h = np.maximum(step @ _RNN[0].T + h @ _RNN[1].T + _RNN[2], 0)
        outputs.append(h)
    return np.stack(outputs), h


def _attention(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True) @ k)


_SCALE = np.array([0.5, 0.25], np.float32)
_ZERO = np.array([3, -2], np.int8)


def _quantized(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(x / _SCALE[:, None]) + _ZERO[:, None], -128, 127)


_AT = np.arange(10).reshape(2, 5)
_BOXES = np.array([[[1, 1, 2, 2], [1.1, 1, 2, 2], [5, 5, 2, 2], [9, 9, 1, 1]]], np.float32)
_SCORES = np.array([[[0.5], [0.4], [0.9], [0.05]]], np.float32)
_BOXES_LAST, _SCORES_LAST = _BOXES.swapaxes(1, 2), _SCORES.swapaxes(1, 2)

MORE = [
    Case("gru", lambda x: mb.gru(x=x, initial_h=_START, weight_ih=_GRU[0], weight_hh=_GRU[1], bias=_GRU[2],
                                 output_sequence=True), _gru, (SEQUENCE,), half=False),
    Case("gru of a reset product", lambda x: mb.gru(x=x, initial_h=_START, weight_ih=_GRU[0], weight_hh=_GRU[1],
                                                    bias=_GRU[2], output_sequence=True, reset_after=True),
         lambda x: _gru(x, after=True), (SEQUENCE,), "iOS18", half=False),
    Case("gru backwards", lambda x: mb.gru(x=x, initial_h=_START, weight_ih=_GRU[0], weight_hh=_GRU[1], bias=_GRU[2],
                                           output_sequence=True, direction="reverse"),
         lambda x: _gru(x[::-1]), (SEQUENCE,), half=False),
    Case("rnn", lambda x: mb.rnn(x=x, initial_h=_START, weight_ih=_RNN[0], weight_hh=_RNN[1], bias=_RNN[2],
                                 direction="reverse", activation="relu"),
         lambda x: (_rnn(x)[1][None], _rnn(x)[1]), (SEQUENCE,), half=False),
    Case("rnn of a sequence", lambda x: mb.rnn(x=x, initial_h=_START, weight_ih=_RNN[0], weight_hh=_RNN[1],
                                               bias=_RNN[2], direction="reverse", activation="relu",
                                               output_sequence=True), _rnn, (SEQUENCE,), half=False),
    Case("quantize and back",
         lambda x: mb.dequantize(input=mb.quantize(input=x, zero_point=_ZERO, scale=_SCALE, axis=0,
                                                   output_dtype="int8"), zero_point=_ZERO, scale=_SCALE, axis=0),
         lambda x: (_quantized(x) - _ZERO[:, None]) * _SCALE[:, None], (20 * ROWS,), "iOS17", half=False),
    Case("scaled_dot_product_attention", lambda q, k: mb.scaled_dot_product_attention(query=q, key=k, value=k),
         _attention, (_noise(2, 3, 4, 5), _noise(2, 3, 6, 5, seed=1)), "iOS18"),
    Case("list_scatter and list_gather", lambda x: mb.list_gather(
        ls=mb.list_scatter(ls=mb.make_list(init_length=2, elem_shape=(5,)), indices=[1, 0], value=x), indices=[0, 1]),
         lambda x: x[::-1], (ROWS,), half=False),
    Case("slice_update", lambda x: mb.slice_update(x=x, update=np.ones((1, 2), np.float32), begin=[1, -2], end=[2, 0],
                                                   end_mask=[False, True]),
         lambda x: np.where(np.add.outer([0, 9], np.arange(5)) >= 12, 1, x), (ROWS,), "iOS18"),
    Case("cond", lambda x: mb.cond(pred=mb.greater(x=mb.reduce_sum(x=x, axes=[0, 1], keep_dims=False), y=_f(0)),
                                   _true_fn=lambda: mb.relu(x=x), _false_fn=lambda: mb.mul(x=x, y=_f(2))),
         lambda x: np.maximum(x, 0) if x.sum() > 0 else 2 * x, (ROWS,), half=False),
    Case("scatter_nd", lambda x: mb.scatter_nd(data=x, indices=[[1, 2], [0, 0]], updates=[_f(5), _f(7)], mode="update"),
         lambda x: np.where(_AT == 7, 5, np.where(_AT == 0, 7, x)), (ROWS,)),
    Case("non_maximum_suppression",
         lambda b, s: mb.non_maximum_suppression(boxes=b, scores=s, iou_threshold=_f(0.5), score_threshold=_f(0.1),
                                                 max_boxes=3)[0],
         lambda b, s: np.concatenate([b[:, [2, 0]], np.zeros((1, 1, 4))], 1), (_BOXES, _SCORES), half=False),
    Case("non_maximum_suppression, boxes last",
         lambda b, s: mb.non_maximum_suppression(boxes=b, scores=s, iou_threshold=_f(0.5), max_boxes=4),
         lambda b, s: (np.concatenate([b[..., [2, 0, 3]], np.zeros((1, 4, 1))], 2), _f([[[0.9, 0.5, 0.05, 0]]]),
                       np.array([[2, 0, 3, -1]])), (_BOXES_LAST, _SCORES_LAST), "iOS17", half=False),
    Case("random_bernoulli", lambda x: mb.add(x=x, y=mb.random_bernoulli(shape=[2, 5], prob=_f(1))),
         lambda x: x + 1, (ROWS,)),
    Case("random_normal", lambda x: mb.add(x=x, y=mb.random_normal(shape=[2, 5], mean=_f(3), stddev=_f(0))),
         lambda x: x + 3, (ROWS,)),
    Case("random_uniform", lambda x: mb.floor(x=mb.random_uniform(shape=mb.shape(x=x), low=_f(3.25), high=_f(3.5))),
         lambda x: np.full(x.shape, 3), (ROWS,)),
    Case("random_categorical", lambda x: mb.random_categorical(x=mb.mul(x=x, y=_f(1e4)), size=3),
         lambda x: np.repeat(x.argmax(1)[:, None], 3, 1), (ROWS,), half=False),
]  # fmt: skip
