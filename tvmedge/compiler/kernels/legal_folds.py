"""Reductions and normalisations that become kernels of ours, for ``LegalizeOps``.

Of float32 and static shape; the rest is left to TVM.
"""

from __future__ import annotations

import math

from tvm import relax, tirx

from tvmedge.compiler.kernels.fold import MAX, MIN, SUM, Fold
from tvmedge.compiler.kernels.legal import Attempt, Legalize, of_float32
from tvmedge.compiler.kernels.normal import layer_norm, rms_norm, softmax, softmax_in_order
from tvmedge.compiler.kernels.reduction import reduction

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
    """What is the same in any order."""
    return of_float32({"max": _reduction("max", MAX, lanes), "min": _reduction("min", MIN, lanes)})


def in_order() -> dict[str, Legalize]:
    """Softmax on exponentials of ours, its sums one after the other."""
    return of_float32({"nn.softmax": _softmax_in_order})


def _reduction(name: str, fold: Fold, lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        shape = _static(call.args[0])
        if shape is None:
            return None
        return bb.call_te(
            lambda x: reduction(x, _axes(call, shape), bool(call.attrs.keepdims), fold, lanes),
            call.args[0],
            primfunc_name_hint=name,
            primfunc_attrs={"op_pattern": COMM_REDUCE},
        )

    return legalize


def _mean(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        shape = _static(call.args[0])
        if shape is None:
            return None
        axes = _axes(call, shape)
        count = tirx.const(float(math.prod(shape[axis] for axis in axes)), "float32")
        return bb.call_te(
            lambda x: reduction(
                x, axes, bool(call.attrs.keepdims), SUM, lanes, lambda total: total / count
            ),
            call.args[0],
            primfunc_name_hint="mean",
        )

    return legalize


def _softmax(lanes: int) -> Attempt:
    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
        if _static(call.args[0]) is None:
            return _softmax_in_order(bb, call)
        axis = int(call.attrs.axis) % call.args[0].ty.ndim
        return bb.call_te(
            lambda x: softmax(x, axis, lanes), call.args[0], primfunc_name_hint="softmax"
        )

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


def _axes(call: relax.Call, shape: list[int]) -> list[int]:
    given = range(len(shape)) if call.attrs.axis is None else call.attrs.axis
    return sorted({int(axis) % len(shape) for axis in given})


def _last_axes(x: relax.Expr, given: list[int]) -> list[int] | None:
    """The axes of a normalisation, if they are the last of a static shape."""
    ndim = x.ty.ndim
    axes = sorted(int(axis) % ndim for axis in given)
    if _static(x) is None or axes != list(range(ndim - len(axes), ndim)):
        return None
    return axes
