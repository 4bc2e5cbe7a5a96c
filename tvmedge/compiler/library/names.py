"""Names of a model, its tensors and its kernels as identifiers of C."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What C and C++ reserve.
_RESERVED = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const
constexpr continue default delete do double else enum explicit export extern false float for
friend goto if inline int long mutable namespace new not not_eq nullptr operator or or_eq
private protected public register restrict return short signed sizeof static struct switch
template this throw true try typedef typeid typename typeof union unsigned using virtual void
volatile while xor xor_eq
"""
_OURS = ("weights", "workspace")
_WORDS = frozenset({*_RESERVED.split(), *_OURS})
_LONGEST = 63  # of what C promises to tell apart


def identifier(text: str) -> str:
    """``text`` with anything else made ``_``; never a word of C or C++, never reserved."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:_LONGEST] or "x"
    if name[0].isdigit():
        name = f"x{name}"
    return f"{name}_" if name in _WORDS else name


def identifiers(texts: Iterable[str]) -> tuple[str, ...]:
    """An identifier for each of ``texts``, all different whatever their case."""
    taken: set[str] = set()
    names = []
    for text in texts:
        name, count = identifier(text), 1
        while name.lower() in taken:
            count += 1
            name = f"{identifier(text)}_{count}"
        taken.add(name.lower())
        names.append(name)
    return tuple(names)
