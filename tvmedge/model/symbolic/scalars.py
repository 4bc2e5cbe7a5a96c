"""Operators on single elements; None is a result that depends on the symbols' sizes
in a way that cannot be written as a dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tvm import tirx

from tvmedge.model.symbolic.known import Element, Ratio
from tvmedge.model.symbolic.symbols import Size, Symbols, expression

DIGITS: Mapping[str, int] = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Binary digits of a mantissa: integers of so many are exact."""


@dataclass(frozen=True)
class Scalars:
    """The operators for elements of ``dtype``."""

    symbols: Symbols
    dtype: str

    def add(self, a: Any, b: Any) -> Element | None:
        """a + b"""
        if isinstance(a, Ratio) and isinstance(b, Ratio):
            return self._exact(a, b, a.num * b.den + b.num * a.den, a.den * b.den)
        return self.symbols.size(a + b)

    def subtract(self, a: Any, b: Any) -> Element | None:
        """a - b"""
        if isinstance(a, Ratio) and isinstance(b, Ratio):
            return self._exact(a, b, a.num * b.den - b.num * a.den, a.den * b.den)
        return self.symbols.size(a - b)

    def multiply(self, a: Any, b: Any) -> Element | None:
        """a * b"""
        if isinstance(a, Ratio) and isinstance(b, Ratio):
            return self._exact(a, b, a.num * b.num, a.den * b.den)
        return self.symbols.size(a * b)

    def divide(self, a: Any, b: Any) -> Element | None:
        """a / b; of integers towards zero, which is downwards where none is negative."""
        if isinstance(a, Ratio) and isinstance(b, Ratio):
            return self._exact(a, b, a.num * b.den, a.den * b.num)
        return self.symbols.quotient(a, b) if self.symbols.proves(a >= 0) else None

    def modulo(self, a: Any, b: Any) -> Element | None:
        """a % b of integers"""
        return None if isinstance(a, Ratio) else self.symbols.remainder(a, b)

    def least(self, a: Any, b: Any) -> Element | None:
        """min(a, b)"""
        if isinstance(a, Ratio):
            smaller = self.compare("LessOrEqual", a, b)
            return None if smaller is None else a if smaller else b
        return self.symbols.least(a, b)

    def most(self, a: Any, b: Any) -> Element | None:
        """max(a, b)"""
        if isinstance(a, Ratio):
            larger = self.compare("GreaterOrEqual", a, b)
            return None if larger is None else a if larger else b
        return self.symbols.most(a, b)

    def compare(self, op: str, a: Any, b: Any) -> bool | None:
        """Equal, Less and their like, where all sizes give the same answer."""
        if isinstance(a, Ratio) and isinstance(b, Ratio):
            if a.rounded or b.rounded:
                return None
            a, b = self.symbols.size(a.num * b.den), self.symbols.size(b.num * a.den)
        holds, fails = _COMPARISONS[op]
        if self.symbols.proves(holds(expression(a), expression(b))):
            return True
        return False if self.symbols.proves(fails(expression(a), expression(b))) else None

    def negative(self, a: Any) -> Element | None:
        """-a"""
        return (
            Ratio(self._size(-a.num), a.den, a.rounded) if isinstance(a, Ratio) else self._size(-a)
        )

    def absolute(self, a: Any) -> Element | None:
        """abs(a)"""
        num = a.num if isinstance(a, Ratio) else a
        if self.symbols.proves(num >= 0):
            return a
        return self.negative(a) if self.symbols.proves(num <= 0) else None

    def floor(self, a: Any) -> Element | None:
        """The greatest integer up to ``a``, still floating point."""
        whole = self.symbols.quotient(a.num, a.den)
        return None if whole is None else Ratio(whole)

    def ceil(self, a: Any) -> Element | None:
        """The least integer from ``a`` on, still floating point."""
        whole = self.symbols.quotient(self._size(a.num + a.den - 1), a.den)
        return None if whole is None else Ratio(whole)

    def cast(self, a: Any, to: str) -> Element | None:
        """``a`` as an element of type ``to``; fractions towards zero."""
        if isinstance(a, bool):
            a = int(a)
        if to == "bool" or (to not in DIGITS and "int" not in to):
            return None
        if to in DIGITS:
            if isinstance(a, Ratio):
                return a if to in ("float64", self.dtype) else None
            return Ratio(a) if self.symbols.highest(a) < 1 << DIGITS[to] else None
        if not isinstance(a, Ratio):
            return a
        return self.symbols.quotient(a.num, a.den) if self.symbols.proves(a.num >= 0) else None

    def _size(self, value: Any) -> Size:
        return self.symbols.size(value)

    def _exact(self, a: Ratio, b: Ratio, num: Any, den: Any) -> Ratio | None:
        """num/den where a float holds it, or its rounding where floor and ceiling stand it."""
        num, den = self._size(num), self._size(den)
        if a.rounded or b.rounded or not self.symbols.proves(den > 0):
            return None
        whole = self.symbols.quotient(num, den)
        if whole is not None and self.symbols.equal(self._size(whole * den), num):
            num, den = whole, 1
        limit = 1 << DIGITS.get(self.dtype, 0)
        if max(self.symbols.highest(num), self.symbols.highest(den)) >= limit:
            return None
        return Ratio(num, den, rounded=not (isinstance(den, int) and den & (den - 1) == 0))


_COMPARISONS: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "Equal": (tirx.EQ, tirx.NE),
    "Less": (tirx.LT, tirx.GE),
    "LessOrEqual": (tirx.LE, tirx.GT),
    "Greater": (tirx.GT, tirx.LE),
    "GreaterOrEqual": (tirx.GE, tirx.LT),
}
