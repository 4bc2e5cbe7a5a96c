"""Arithmetic on sizes that may hold the symbols of open dimensions.

A size is a Python integer where it is known and a TIR expression elsewhere;
everything is simplified on the way, so that equal sizes look equal.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from tvm import relax, tirx
from tvm.sym import Analyzer, ConstIntBound

from tvmedge.types import Bounds

Size = int | Any  # Any: a tirx.PrimExpr of int64
LIKELY = 1 << 16


class Symbols:
    """What is known of the symbols: an open dimension has at least one element, or
    what its bounds say."""

    def __init__(self, bounds: Mapping[str, Bounds]) -> None:
        self._bounds = bounds
        self._analyzer = Analyzer()
        self._likely = Analyzer()
        self._learnt: set[tirx.Var] = set()

    def learn(self, dims: Iterable[Size]) -> None:
        """Bounds for the symbols among the dimensions of a tensor; those of private
        functions have the names of the model's own."""
        for dim in dims:
            if isinstance(dim, tirx.Var) and dim not in self._learnt:
                self._learnt.add(dim)
                bounds = self._bounds.get(str(dim.name), Bounds(0))
                high = ConstIntBound.POS_INF if bounds.high is None else bounds.high
                self._analyzer.update(dim, ConstIntBound(bounds.low, high), True)
                likely = bounds.low + LIKELY if bounds.high is None else bounds.high
                self._likely.update(dim, ConstIntBound(bounds.low, likely), True)

    def size(self, value: Size) -> Size:
        """``value`` simplified, as an integer where it is one."""
        if isinstance(value, int):
            return value
        simple = self._analyzer.simplify(value)
        return int(simple) if isinstance(simple, tirx.IntImm) else simple

    def proves(self, condition: Any) -> bool:
        """Whether ``condition`` holds for all sizes."""
        if isinstance(condition, bool):
            return condition
        return bool(self._analyzer.can_prove(condition))

    def equal(self, a: Size, b: Size) -> bool:
        """Whether both are the same for all sizes."""
        if isinstance(a, int) and isinstance(b, int):
            return a == b
        return bool(self._analyzer.can_prove_equal(expression(a), expression(b)))

    def at_most(self, a: Size, b: Size) -> bool:
        """Whether a <= b for all sizes; n // c <= b is n <= c * b + c - 1, which TVM misses."""
        if self.proves(a <= b):
            return True
        if isinstance(a, tirx.FloorDiv) and isinstance(a.b, tirx.IntImm) and int(a.b) > 0:
            return self.proves(a.a <= a.b * b + a.b - 1)
        return False

    def highest(self, value: Size) -> int:
        """A bound of ``value`` from above, where dimensions without one stay below LIKELY."""
        if isinstance(value, int):
            return value
        return int(self._likely.const_int_bound(value).max_value)

    def product(self, sizes: Iterable[Size]) -> Size:
        """All of them multiplied."""
        return self.size(functools.reduce(lambda a, b: a * b, sizes, 1))

    def quotient(self, a: Size, b: Size) -> Size | None:
        """``a // b`` where b is positive for certain."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b if b > 0 else None
        if not self.proves(b > 0):
            return None
        return self.size(tirx.floordiv(expression(a), expression(b)))

    def remainder(self, a: Size, b: Size) -> Size | None:
        """``a % b`` where b is positive for certain."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b if b > 0 else None
        if not self.proves(b > 0):
            return None
        return self.size(tirx.floormod(expression(a), expression(b)))

    def least(self, a: Size, b: Size) -> Size:
        """The smaller one."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        if self.at_most(a, b):
            return a
        return b if self.at_most(b, a) else self.size(tirx.min(expression(a), expression(b)))

    def most(self, a: Size, b: Size) -> Size:
        """The larger one."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        if self.at_most(a, b):
            return b
        return a if self.at_most(b, a) else self.size(tirx.max(expression(a), expression(b)))


def expression(size: Size) -> Any:
    """``size`` as a TIR expression of int64."""
    return tirx.IntImm("int64", size) if isinstance(size, int) else size


def dims(value: Any) -> tuple[Size, ...] | None:
    """The dimensions of a Relax tensor, None where they are not known."""
    type_ = getattr(value, "ty", None)
    if not isinstance(type_, relax.TensorType) or not isinstance(type_.shape, relax.ShapeExpr):
        return None
    return tuple(int(d) if isinstance(d, tirx.IntImm) else d for d in type_.shape.values)


def is_open(value: Any) -> bool:
    """Whether ``value`` is a tensor with a dimension that is open or unknown."""
    if not isinstance(getattr(value, "ty", None), relax.TensorType):
        return False
    known = dims(value)
    return known is None or not all(isinstance(dim, int) for dim in known)
