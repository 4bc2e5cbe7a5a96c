"""ArgMax and ArgMin that find an infinity.

before: TVM's argmax starts at the lowest finite number: of -inf alone it finds index -1
after:  a reduction over (index, value) that starts at -inf and keeps the first of equals,
        or the last where ``select_last_index`` asks for it
"""

from __future__ import annotations

import numpy as np
from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node

BEYOND = np.iinfo(np.int64).max


def arg_extreme(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ArgMax(x, axis) or ArgMin(x, axis)"""
    (x,) = node.inputs
    assert x is not None
    rank = x.ty.ndim
    axis = int(node.attributes.get("axis", 0)) % rank
    keep = bool(node.attributes.get("keepdims", 1))
    last = bool(node.attributes.get("select_last_index", 0))
    start = _start(str(x.ty.dtype), highest=node.op == "ArgMax")

    def combine(a: list[tirx.Expr], b: list[tirx.Expr]) -> tuple[tirx.Expr, tirx.Expr]:
        further = b[1] > a[1] if node.op == "ArgMax" else b[1] < a[1]
        nearer = b[0] > a[0] if last else b[0] < a[0]
        takes = tirx.any(further, tirx.all(b[1] == a[1], nearer))
        return tirx.Select(takes, b[0], a[0]), tirx.Select(takes, b[1], a[1])

    def identity(index: str, value: str) -> tuple[tirx.Expr, tirx.Expr]:
        return tirx.const(-1 if last else BEYOND, index), tirx.const(start, value)

    reducer = te.comm_reducer(combine, identity, name="arg_extreme")

    def compute(data: te.Tensor) -> te.Tensor:
        k = te.reduce_axis((0, data.shape[axis]), "k")
        shape = [1 if i == axis else n for i, n in enumerate(data.shape) if keep or i != axis]

        def element(*at: tirx.Var) -> tirx.Expr:
            place = [*at[:axis], k, *at[axis + keep :]]
            return reducer((k.var.astype("int64"), data(*place)), axis=k)

        return te.compute(shape, element, name="arg_extreme")[0]

    return bb.emit_te(compute, x, primfunc_name_hint=node.op.lower())


def _start(dtype: str, *, highest: bool) -> float | int:
    if "float" in dtype:
        return -np.inf if highest else np.inf
    limits = np.iinfo(dtype)
    return int(limits.min if highest else limits.max)
