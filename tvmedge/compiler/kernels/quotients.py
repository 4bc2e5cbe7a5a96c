"""Many int32 numbers divided by one, which vectors have no instruction for.

t is cut to 15 bits, c * 2^k with c just above, and n * (2^31 / c) / 2^(31 + k) is at most one less
than n / t, where that is below 2^11 (what is more stays more). A product tells whether it is.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax, te, tirx

from tvmedge.compiler.kernels import BROADCAST, OPAQUE
from tvmedge.compiler.kernels.fixed_point import scaled

BITS = 15
LEAST = 12  # bits of a divisor
_UP = 31 - LEAST - 8  # a factor's, of at most 31 - LEAST bits: so that products keep as many


def quotients(bb: relax.BlockBuilder, numbers: relax.Expr, totals: relax.Expr) -> relax.Var:
    """floor(n / t) of ``numbers`` (0 to 2^31) by ``totals`` (2^12 to 2^30), of the same shape but
    for axes of one."""
    parts = [
        bb.emit_te(part, totals, primfunc_name_hint=name, primfunc_attrs={"op_pattern": OPAQUE})
        for part, name in ((_shifts, "shift"), (_factors, "factor"))
    ]
    return bb.emit_te(
        _divided,
        numbers,
        totals,
        *parts,
        primfunc_name_hint="quotient",
        primfunc_attrs={"op_pattern": BROADCAST},
    )


def _cut(total: tvm.ir.Expr) -> tvm.ir.Expr:
    """k"""
    return tirx.max(_n(32 - BITS) - tirx.clz(total), _n(0))


def _shifts(totals: te.Tensor) -> te.Tensor:
    return te.compute(totals.shape, lambda *i: _cut(totals[i].asobject()))


def _factors(totals: te.Tensor) -> te.Tensor:
    def element(*i: tirx.Var) -> tvm.ir.Expr:
        total = totals[i].asobject()
        rounded = (total >> _cut(total)) + _n(1)
        return tirx.floordiv(_n((1 << 31) - 1), rounded) << _n(_UP)

    return te.compute(totals.shape, element)


def _divided(
    numbers: te.Tensor, totals: te.Tensor, shifts: te.Tensor, factors: te.Tensor
) -> te.Tensor:
    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        def here(tensor: te.Tensor) -> Any:
            shape = zip(tensor.shape, axes, strict=True)
            return tensor[tuple(0 if bool(size == 1) else axis for size, axis in shape)].asobject()

        number, total = numbers[axes].asobject(), here(totals)
        near = scaled(number, here(factors)) >> (here(shifts) + _n(_UP))
        rest = number - near * total
        return near + tirx.max(tirx.min(rest - total, _n(0)) + _n(1), _n(0))

    return te.compute(numbers.shape, element)


def _n(value: int) -> tvm.ir.Expr:
    return tirx.const(value, "int32")
