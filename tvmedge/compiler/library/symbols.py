"""What a library may ask of where it is linked: C's memory and mathematics, nothing of TVM."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MEMORY = frozenset({"memcpy", "memmove", "memset"})
_FUNCTIONS = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 exp10 expm1
fabs floor fma fmax fmin fmod hypot ldexp lgamma log log10 log1p log2 nearbyint nextafter pow rint
round roundeven sin sinh sqrt tan tanh tgamma trunc
"""
_MATHS = frozenset(_FUNCTIONS.split())
# What compilers call for arithmetic that a processor lacks: libgcc, compiler-rt.
_ARITHMETIC = re.compile(
    r"__(aeabi_|gnu_|hexagon_|extend|trunc|fix|float|u?div|u?mod|mul|add|sub|neg|ash|lsh)\w*"
)
_TABLE = "_GLOBAL_OFFSET_TABLE_"


def foreign(names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that are neither libc's, libm's nor the compiler's own."""
    return tuple(name for name in names if not _allowed(name))


def _allowed(name: str) -> bool:
    return (
        name in _MEMORY
        or name in _MATHS
        or (name.endswith("f") and name[:-1] in _MATHS)
        or name == _TABLE
        or _ARITHMETIC.fullmatch(name) is not None
    )
