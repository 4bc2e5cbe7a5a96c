"""Attributes of Relax operators that move a window."""

from __future__ import annotations

from collections.abc import Sequence


def four_pads(padding: Sequence[int]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of a padding of one, two or four values."""
    pads = [int(pad) for pad in padding]
    top, left, bottom, right = (
        pads if len(pads) == 4 else (pads * 2)[:4] if len(pads) == 2 else pads * 4
    )
    return top, left, bottom, right
