"""Codes of float32 numbers formed in integers, for vectors that have no floats.

A number is m * 2^(e - 150) with m of 24 bits, and a grid's step 2^(31 - s) / f with f of 31 bits.
So m * f / 2^25, which the upper bits of one product are, counts steps of 2^-(125 + s - e): shifted
by that, rounded half to even, given its sign back and moved by the zero point, it is the code.
The product is rounded to 25 bits first: so ties are those of a division in float32, but for the
last bit of its quotient (and all of them where the step is a power of two).
"""

from __future__ import annotations

import math

import tvm
from tvm import relax, te, tirx, topi

from tvmedge.compiler.kernels import ELEMWISE, OPAQUE
from tvmedge.compiler.kernels.fixed_point import scaled
from tvmedge.compiler.kernels.legal import Legalize, of_float32
from tvmedge.compiler.passes.constants import array_of

LEAST, MOST = 19, 31  # shifts: what is larger than any code, and what is less than half a step
_SIGN, _FRACTION, _LEADING, _BIAS = 31, (1 << 23) - 1, 1 << 23, 125


def quantised(x: te.Tensor, scale: float, zero: int, dtype: str) -> te.Tensor:
    """``x`` (float32) in steps of ``scale`` around ``zero``, as QuantizeLinear has it.

    What is not a number becomes the largest code.
    """
    factor, shift = _inverse(scale)
    low, high = (int(limit(dtype).value) for limit in (tirx.min_value, tirx.max_value))

    def element(*axes: tirx.Var) -> tvm.ir.Expr:
        bits = tirx.reinterpret("int32", x[axes].asobject())
        magnitude = bits & _n(0x7FFFFFFF)
        whole = scaled(((bits & _n(_FRACTION)) | _n(_LEADING)) << _n(6), _n(factor))
        part = (whole + _n(16)) & _n(-32)
        by = tirx.max(tirx.min(_n(_BIAS + shift) - (magnitude >> _n(23)), _n(MOST)), _n(LEAST))
        odd = (part >> by) & _n(1)
        steps = (part + ((_n(1) << (by - _n(1))) - _n(1)) + odd) >> by
        sign = bits >> _n(_SIGN)
        code = ((steps ^ sign) - sign) + _n(zero)
        return tirx.Cast(dtype, tirx.min(tirx.max(code, _n(low)), _n(high)))

    return te.compute(x.shape, element, name="codes")


def _inverse(scale: float) -> tuple[int, int]:
    """f (2^30 to 2^31) and s with 1 / ``scale`` = f / 2^s."""
    shift = 31 - math.frexp(1 / scale)[1]
    factor = round(2.0**shift / scale)
    return (factor, shift) if factor < 1 << 31 else (1 << 30, shift - 1)


def codes() -> dict[str, Legalize]:
    """Kernels by the name of the Relax operator."""
    return of_float32({"quantize": _quantize})


def _quantize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr | None:
    """Of a known shape to 8 bits with one scale: one row, whatever the shape."""
    data, dtype, shape = call.args[0], str(call.attrs.out_dtype), call.ty.shape
    numbers = [array_of(a) if isinstance(a, tvm.ir.GenericConst) else None for a in call.args[1:3]]
    if dtype not in ("uint8", "int8") or not isinstance(shape, relax.ShapeExpr):
        return None
    if any(array is None or array.size != 1 for array in numbers):
        return None
    if not all(isinstance(size, tirx.IntImm) for size in shape.values):
        return None
    scale, zero = (array.reshape(-1)[0] for array in numbers if array is not None)
    count = math.prod(int(size) for size in shape.values)
    made = bb.call_te(
        lambda x: quantised(x, float(scale), int(zero), dtype),
        _viewed(bb, data, (count,)),
        primfunc_name_hint="quantize",
        primfunc_attrs={"op_pattern": ELEMWISE},
    )
    return _viewed(bb, bb.emit(made), tuple(int(size) for size in shape.values))


def _viewed(bb: relax.BlockBuilder, data: relax.Expr, shape: tuple[int, ...]) -> relax.Var:
    """The same memory in another shape: no part of a kernel, whose vectors TVM would lose sight
    of (it does not see that rows follow each other, unless their length is a power of two)."""
    view = bb.call_te(
        topi.reshape,
        data,
        shape,
        primfunc_name_hint="reshape",
        primfunc_attrs={"op_pattern": OPAQUE},
    )
    return bb.emit(view)


def _n(value: int) -> tvm.ir.Expr:
    return tirx.const(value, "int32")
