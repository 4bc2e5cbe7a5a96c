"""Reductions and normalisations that become kernels of ours, for ``LegalizeOps``.

Of float32 and static shape; the rest is left to TVM, extrema of other floats excepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tvm
from tvm import relax, tirx

from tvmedge.compiler.kernels.fold import MAX, MIN, SUM, Fold
from tvmedge.compiler.kernels.legal import Attempt, Legalize, of_float32, of_types
from tvmedge.compiler.kernels.normal import layer_norm, rms_norm, softmax, softmax_in_order
from tvmedge.compiler.kernels.reduction import reduction, reduction_in_order, split_axes

FLOATS = ("float16", "bfloat16", "float32", "float64")
COMM_REDUCE = 3  # what AnnotateTIROpPattern calls a sum that elementwise producers may join


def folds(lanes: int) -> dict[str, Legalize]:
    """Sums in vectors of ``lanes``, which is another order than one after the other."""
    return extrema(lanes) | of_float32(
        {
            "sum": _reduction("sum", SUM, lanes),
            "mean": _mean(lanes),
            "nn.softmax": _softmax(lanes),
            "nn.layer_norm": _layer_norm(lanes),
            "nn.rms_norm": _rms_norm(lanes),
            "nn.instance_norm": _instance_norm(lanes),
            "nn.group_norm": _group_norm(lanes),
        }
    )


def extrema(lanes: int) -> dict[str, Legalize]:
    """What is the same in any order, infinities among it (of which TVM's own know nothing)."""
    ours = {"max": _extreme("max", MAX, lanes), "min": _extreme("min", MIN, lanes)}
    return of_types(ours, FLOATS)


def in_order() -> dict[str, Legalize]:
    """Softmax on exponentials of ours, its sums one after the other."""
    return of_float32({"nn.softmax": _softmax_in_order})


def _reduction(name: str, fold: Fold, lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        shape = _static(call.args[0])
        if shape is None:
            return None
        return _folded(bb, call, name, fold, lanes)

    return legalize


def _extreme(name: str, fold: Fold, lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        data = call.args[0]
        if str(data.ty.dtype) == "float32" and _static(data) is not None:
            return _folded(bb, call, name, fold, lanes)
        return bb.call_te(
            lambda x: reduction_in_order(
                x, _axes(call, data.ty.ndim), bool(call.attrs.keepdims), fold
            ),
            data,
            primfunc_name_hint=name,
        )

    return legalize


def _mean(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        shape = _static(call.args[0])
        if shape is None:
            return None
        count = tirx.const(float(math.prod(shape[at] for at in _axes(call, len(shape)))), "float32")
        return _folded(bb, call, "mean", SUM, lanes, lambda total: total / count)

    return legalize


def _folded(
    bb: relax.BlockBuilder,
    call: relax.Call,
    name: str,
    fold: Fold,
    lanes: int,
    finish: Callable[[tvm.ir.Expr], tvm.ir.Expr] | None = None,
) -> relax.Expr:
    """``call``'s argument folded along its axes, by a kernel for rows, one across them, or both."""
    data, shape, keepdims = call.args[0], _static(call.args[0]), bool(call.attrs.keepdims)
    assert shape is not None
    axes, rest = split_axes(shape, _axes(call, len(shape)))
    pattern = None if finish else {"op_pattern": COMM_REDUCE}
    if rest:
        data = bb.emit(
            bb.call_te(
                lambda x: reduction(x, axes, True, fold, lanes),
                data,
                primfunc_name_hint=name,
                primfunc_attrs=pattern,
            )
        )
        shape, axes = [1 if axis in axes else size for axis, size in enumerate(shape)], rest
    last = max((axis for axis in axes if shape[axis] > 1), default=len(shape) - 1)
    inner = math.prod(shape[last + 1 :])  # side by side in memory: one axis
    flat = [*shape[: last + 1], inner] if inner > 1 else list(shape)
    if flat != list(shape):
        axes = [axis for axis in axes if axis <= last]
        data = bb.emit(relax.op.reshape(data, flat))
    made = bb.call_te(
        lambda x: reduction(x, axes, keepdims, fold, lanes, finish or (lambda value: value)),
        data,
        primfunc_name_hint=name,
        primfunc_attrs=pattern,
    )
    return made if flat == list(shape) else relax.op.reshape(bb.emit(made), call.ty.shape)


def _softmax(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        shape = _static(call.args[0])
        if shape is None:
            return _softmax_in_order(bb, call)
        data, axis = call.args[0], int(call.attrs.axis) % len(shape)
        inner = math.prod(shape[axis + 1 :])  # side by side in memory: one axis
        flat = [*shape[: axis + 1], *([inner] if inner > 1 else [])]
        if flat != shape:
            data = bb.emit(relax.op.reshape(data, flat))
        made = bb.call_te(lambda x: softmax(x, axis, lanes), data, primfunc_name_hint="softmax")
        return made if flat == shape else relax.op.reshape(bb.emit(made), shape)

    return legalize


def _softmax_in_order(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
    axis = int(call.attrs.axis) % call.args[0].ty.ndim
    return bb.call_te(
        lambda x: softmax_in_order(x, axis), call.args[0], primfunc_name_hint="softmax"
    )


def _layer_norm(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        x, scale, shift = call.args
        axes = _last_axes(x, call.attrs.axes)
        if axes is None:
            return None
        first, epsilon = axes[0], float(call.attrs.epsilon)
        return bb.call_te(
            lambda x, g, b: layer_norm(
                x, len(axes), epsilon, lambda i: g(*i[first:]), lambda i: b(*i[first:]), lanes
            ),
            x,
            scale,
            shift,
            primfunc_name_hint="layer_norm",
        )

    return legalize


def _rms_norm(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        axes = _last_axes(call.args[0], call.attrs.axes)
        if axes is None:
            return None
        return bb.call_te(
            lambda x, g: rms_norm(
                x, len(axes), float(call.attrs.epsilon), lambda i: g(*i[axes[0] :]), lanes
            ),
            *call.args,
            primfunc_name_hint="rms_norm",
        )

    return legalize


def _instance_norm(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        axes, channel = _last_axes(call.args[0], call.attrs.axes), int(call.attrs.channel_axis)
        if axes is None or channel not in range(axes[0]):
            return None
        epsilon = float(call.attrs.epsilon)
        return bb.call_te(
            lambda x, g, b: layer_norm(
                x, len(axes), epsilon, lambda i: g(i[channel]), lambda i: b(i[channel]), lanes
            ),
            *call.args,
            primfunc_name_hint="instance_norm",
        )

    return legalize


def _group_norm(lanes: int) -> Attempt:
    """On the view [N, groups, C / groups, ...] of [N, C, ...]."""

    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        x, scale, shift = call.args
        shape, groups = _static(x), int(call.attrs.num_groups)
        axes = _last_axes(x, call.attrs.axes)
        if shape is None or axes != list(range(2, len(shape))) or int(call.attrs.channel_axis) != 1:
            return None
        each, epsilon = shape[1] // groups, float(call.attrs.epsilon)
        view = bb.emit(relax.op.reshape(x, (shape[0], groups, each, *shape[2:])))
        made = bb.call_te(
            lambda x, g, b: layer_norm(
                x,
                len(axes) + 1,
                epsilon,
                lambda i: g(i[1] * each + i[2]),
                lambda i: b(i[1] * each + i[2]),
                lanes,
            ),
            view,
            scale,
            shift,
            primfunc_name_hint="group_norm",
        )
        return relax.op.reshape(bb.emit(made), shape)

    return legalize


def _static(expr: relax.Expr) -> list[int] | None:
    """The shape of ``expr`` where it is known and holds something."""
    if not isinstance(expr.ty.shape, relax.ShapeExpr):
        return None
    sizes = expr.ty.shape.values
    if not all(isinstance(size, tirx.IntImm) and int(size) > 0 for size in sizes):
        return None
    return [int(size) for size in sizes]


def _axes(call: relax.Call, ndim: int) -> list[int]:
    given = range(ndim) if call.attrs.axis is None else call.attrs.axis
    return sorted({int(axis) % ndim for axis in given})


def _last_axes(x: relax.Expr, given: list[int]) -> list[int] | None:
    """The axes of a normalisation, if they are the last of a shape and static; those before may
    be open."""
    ndim = x.ty.ndim
    axes = sorted(int(axis) % ndim for axis in given)
    if not isinstance(x.ty.shape, relax.ShapeExpr) or axes != list(range(ndim - len(axes), ndim)):
        return None
    sizes = x.ty.shape.values
    if not all(isinstance(size, tirx.IntImm) and int(size) > 0 for size in sizes[axes[0] :]):
        return None
    # Of nothing there is nothing to normalise.
    return None if any(isinstance(size, tirx.IntImm) and int(size) == 0 for size in sizes) else axes
