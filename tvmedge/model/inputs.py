"""What the user says of a model's inputs: ``--input NAME:1x3x224x224``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tvmedge.errors import InputError
from tvmedge.types import Bounds

MAX_DIMENSION = 1 << 31
_SIZE = re.compile(r"[0-9]+")
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RANGE = re.compile(r"(?:([A-Za-z_][A-Za-z0-9_]*)=)?([0-9]+)\.\.([0-9]+)")


@dataclass(frozen=True)
class OpenDim:
    """A dimension left open: its symbol, empty where only bounds were given."""

    symbol: str = ""
    bounds: Bounds = field(default_factory=Bounds)


Shapes = Mapping[str, tuple[int | OpenDim, ...]]


def parse_shapes(flags: Iterable[str]) -> Shapes:
    """``["x:1x3x224x224", "n:"] -> {"x": (1, 3, 224, 224), "n": ()}``.

    The last colon separates, so names may hold colons; dimensions are joined
    by ``,`` or, where there is none, by ``x``; nothing after the colon is a
    scalar. ``N`` keeps a dimension open, ``1..8`` or ``N=1..8`` with bounds.

    Raises:
        InputError: a flag that does not have this form, or a name given twice.
    """
    shapes: dict[str, tuple[int | OpenDim, ...]] = {}
    for flag in flags:
        name, colon, text = flag.rpartition(":")
        if not colon or not name:
            raise InputError(
                f"--input '{flag}' has no shape: expected NAME:SHAPE such as x:1x3x224x224."
            )
        if name in shapes:
            raise InputError(f"--input '{name}' is given twice: give each input once.")
        shapes[name] = _dimensions(flag, text)
    return shapes


def _dimensions(flag: str, text: str) -> tuple[int | OpenDim, ...]:
    parts = text.split("," if "," in text else "x") if text else []
    return tuple(_dimension(flag, part) for part in parts)


def _dimension(flag: str, text: str) -> int | OpenDim:
    if _SIZE.fullmatch(text) and 0 < int(text) < MAX_DIMENSION:
        return int(text)
    if _SYMBOL.fullmatch(text):
        return OpenDim(text)
    if found := _RANGE.fullmatch(text):
        low, high = int(found[2]), int(found[3])
        if 0 < low <= high < MAX_DIMENSION:
            return OpenDim(found[1] or "", Bounds(low, high))
    raise InputError(
        f"--input '{flag}': dimension '{text}' is not a positive size, a symbol such as N or a "
        "range such as 1..8: give NAME:SHAPE such as x:1x3x224x224."
    )
