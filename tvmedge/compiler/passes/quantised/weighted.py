"""Weighted sums of codes along one axis, as resizing between pixels is: integers only.

before: add(multiply(take(x, i0), w0), multiply(take(x, i1), w1))      (w: one number an index)
after:  add(multiply(take(codes, i0), v0), multiply(take(codes, i1), v1)) in int32, v = w * 2^11

The next axis takes these sums in the place of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from tvm import relax

from tvmedge.compiler.passes.quantised.context import Context, spread
from tvmedge.compiler.passes.quantised.fixed import MOST
from tvmedge.compiler.passes.quantised.values import CODES, Array, Coded, Sums

BITS = 11  # of a weight: two axes of codes stay below 2^30


@dataclass(frozen=True)
class _Tap:
    """What is taken by constant indices along ``axis``, and its weights there."""

    taken: relax.Call
    axis: int
    weights: Array


def weighted_sum(context: Context, call: relax.Call) -> Sums | None:
    """``call`` adds taps of one value; None where it does not."""
    made = _taps(context, call)
    if made is None:
        return None
    taps, passed = made
    source, axis = taps[0].taken.args[0], taps[0].axis
    if any(tap.axis != axis or not tap.taken.args[0].same_as(source) for tap in taps):
        return None
    known = context.values.get(source)
    base = _summed(context, known)
    if base is None:
        return None
    weights = _whole(np.stack([tap.weights for tap in taps]))
    most = base.most * int(np.abs(weights).sum(axis=0).max())
    if most >= MOST:
        return None
    op, dims = relax.op, call.ty.ndim

    def term(tap: _Tap, factors: Array) -> relax.Expr:
        taken = context.emit(
            relax.Call(tap.taken.op, [base.total, tap.taken.args[1]], tap.taken.attrs)
        )
        wide = taken if str(taken.ty.dtype) == "int32" else op.astype(taken, "int32")
        return context.emit(op.multiply(wide, spread(factors.astype(np.int32), axis, dims)))

    terms = [term(tap, factors) for tap, factors in zip(taps, weights, strict=True)]
    total = context.emit(reduce(op.add, terms))
    sums = weights.sum(axis=0)
    offset = int(base.offset.item()) * (sums[:1] if np.ptp(sums) == 0 else sums)
    for variable in passed:
        context.kept.pop(variable, None)
    return Sums(total, offset, base.scales / 2.0**BITS, axis, most)


def _summed(context: Context, known: object) -> Sums | None:
    """Codes, or sums of one scale and offset, as sums whose total is of any type."""
    if isinstance(known, Coded) and known.grid is not None:
        offset = np.array([-known.grid.zero], np.int64)
        scales = np.array([known.grid.scale], np.float64)
        return Sums(context.as_codes(known), offset, scales, -1, CODES - 1)
    if not isinstance(known, Sums) or known.offset.size != 1 or known.scales.size != 1:
        return None
    bounded = np.isfinite(known.low) or np.isfinite(known.high)
    return None if bounded else known


def _taps(context: Context, call: relax.Call) -> tuple[list[_Tap], list[relax.Var]] | None:
    """The terms of a sum, and the variables that the original function has on the way."""
    taps: list[_Tap] = []
    passed: list[relax.Var] = []
    for side in call.args:
        passed.append(side)
        if (inner := context.made_by(side, "relax.add")) is not None:
            below = _taps(context, inner)
            if below is None:
                return None
            taps += below[0]
            passed += below[1]
            continue
        product = context.made_by(side, "relax.multiply")
        taken = context.made_by(product.args[0], "relax.take") if product is not None else None
        tap = _tap(context, product, taken) if product is not None and taken is not None else None
        if tap is None or product is None:
            return None
        taps.append(tap)
        passed.append(product.args[0])
    return taps, passed


def _tap(context: Context, product: relax.Call, taken: relax.Call) -> _Tap | None:
    numbers, indices = context.array(product.args[1]), context.array(taken.args[1])
    if numbers is None or indices is None or indices.ndim != 1 or taken.attrs.axis is None:
        return None
    dims = product.ty.ndim
    axis = int(taken.attrs.axis) % dims
    shape = (1,) * (dims - numbers.ndim) + numbers.shape
    along = tuple(indices.size if at == axis else 1 for at in range(dims))
    if product.ty.ndim != taken.ty.ndim or shape != along or not np.all(np.isfinite(numbers)):
        return None
    return _Tap(taken, axis, numbers.reshape(-1).astype(np.float64))


def _whole(weights: Array) -> Array:
    """int64 in steps of 2^-``BITS``; the largest of an output takes what its others lose."""
    steps = weights * 2.0**BITS
    whole = np.rint(steps).astype(np.int64)
    missing = np.rint(steps.sum(axis=0)).astype(np.int64) - whole.sum(axis=0)
    largest = np.abs(whole).argmax(axis=0)
    whole[largest, np.arange(whole.shape[1])] += missing
    return whole
