"""What the user fixes about a model's inputs: ``--input NAME:1x3x224x224``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tvmedge.errors import InputError

MAX_DIMENSION = 1 << 31
_DIMENSION = re.compile(r"[1-9][0-9]*|0")

Shapes = Mapping[str, tuple[int, ...]]


def parse_shapes(flags: Iterable[str]) -> Shapes:
    """``["x:1x3x224x224", "n:"] -> {"x": (1, 3, 224, 224), "n": ()}``.

    The last colon separates, so names may hold colons; dimensions are joined
    by ``x`` or ``,``; nothing after the colon is a scalar.

    Raises:
        InputError: a flag that does not have this form, or a name given twice.
    """
    shapes: dict[str, tuple[int, ...]] = {}
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


def _dimensions(flag: str, text: str) -> tuple[int, ...]:
    parts = re.split("[x,]", text) if text else []
    for part in parts:
        if not _DIMENSION.fullmatch(part) or not 0 < int(part) < MAX_DIMENSION:
            raise InputError(
                f"--input '{flag}': dimension '{part}' is not a positive number "
                "(open dimensions are not supported yet): give NAME:SHAPE such as x:1x3x224x224."
            )
    return tuple(int(part) for part in parts)
