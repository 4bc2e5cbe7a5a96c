"""LSTM, GRU and RNN by ONNX's equations, one step at a time, in float64.

ONNX's own evaluator ignores activations, clip, sequence_lens and input_forget,
and onnxruntime refuses layout 1, so neither can judge all that an operator says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS: Mapping[str, Callable[[Array, float, float], Array]] = {
    "Affine": lambda x, a, b: a * x + b,
    "Elu": lambda x, a, b: np.where(x >= 0, x, a * np.expm1(x)),
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "LeakyRelu": lambda x, a, b: np.where(x >= 0, x, a * x),
    "Relu": lambda x, a, b: np.maximum(x, 0),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "Softplus": lambda x, a, b: np.logaddexp(0, x),
    "Softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "Tanh": lambda x, a, b: np.tanh(x),
    "ThresholdedRelu": lambda x, a, b: np.where(x >= a, x, 0),
}
Function = tuple[str, float, float]
Step = Callable[[Array, Array, Array], tuple[Array, Array]]


def recurrent(
    op: str,
    inputs: Mapping[str, Array],
    *,
    direction: str = "forward",
    functions: Sequence[Function],
    clip: float | None = None,
    layout: int = 0,
    flag: bool = False,
) -> list[Array]:
    """Y, Y_h and for LSTM Y_c; ``flag`` is linear_before_reset or input_forget."""
    given = {name: value.astype(np.float64) for name, value in inputs.items()}
    if layout:
        for name in {"X", "initial_h", "initial_c"} & set(given):
            given[name] = given[name].swapaxes(0, 1)
    steps, batch, _ = given["X"].shape
    directions, _, hidden = given["R"].shape
    lens = inputs.get("sequence_lens", np.full(batch, steps))
    y = np.zeros((steps, directions, batch, hidden))
    last = np.zeros((2, directions, batch, hidden))
    each = len(functions) // directions
    for d in range(directions):
        apply = _functions(functions[d * each : (d + 1) * each], clip)
        step = _cell(op, {name: given[name][d] for name in "WRBP" if name in given}, apply, flag)
        for b in range(batch):
            zero = np.zeros(hidden)
            h, c = (given[name][d, b] if name in given else zero for name in STATES)
            times = range(lens[b])
            backward = direction == "reverse" or d == 1
            for t in reversed(times) if backward else times:
                h, c = step(given["X"][t, b], h, c)
                y[t, d, b] = h
            last[:, d, b] = (h, c) if lens[b] else 0
    if layout:
        y, last = y.transpose(2, 0, 1, 3), last.swapaxes(1, 2)
    return [y, *(last if op == "LSTM" else last[:1])]


STATES = ("initial_h", "initial_c")


def _functions(given: Sequence[Function], clip: float | None) -> list[Callable[[Array], Array]]:
    def bind(function: Function) -> Callable[[Array], Array]:
        name, alpha, beta = function
        bound = np.inf if clip is None else clip
        return lambda x: FUNCTIONS[name](np.clip(x, -bound, bound), alpha, beta)

    return [bind(function) for function in given]


def _cell(
    op: str, weights: Mapping[str, Array], functions: Sequence[Callable[[Array], Array]], flag: bool
) -> Step:
    count, hidden = GATES[op], weights["R"].shape[1]
    w, r = np.split(weights["W"], count), np.split(weights["R"], count)
    bias = np.split(weights.get("B", np.zeros(2 * count * hidden)), 2 * count)
    wb, rb = bias[:count], bias[count:]
    p = np.split(weights.get("P", np.zeros(3 * hidden)), 3)
    f, g = functions[0], functions[-1] if op == "GRU" else functions[min(1, len(functions) - 1)]

    def lstm(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        i, o, forget, new = (w[k] @ x + r[k] @ h + wb[k] + rb[k] for k in range(4))
        i = f(i + p[0] * c)
        forget = 1 - i if flag else f(forget + p[2] * c)
        c = forget * c + i * g(new)
        return f(o + p[1] * c) * functions[2](c), c

    def gru(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        z, reset = (f(w[k] @ x + r[k] @ h + wb[k] + rb[k]) for k in range(2))
        inner = reset * (r[2] @ h + rb[2]) if flag else r[2] @ (reset * h) + rb[2]
        return (1 - z) * g(w[2] @ x + wb[2] + inner) + z * h, c

    def rnn(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        return f(w[0] @ x + r[0] @ h + wb[0] + rb[0]), c

    return {"LSTM": lstm, "GRU": gru, "RNN": rnn}[op]
