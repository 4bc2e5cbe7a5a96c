"""Tiles of convolutions on a core of which one multiply-add of whole vectors starts in a cycle.

A Zen 4 computes with vectors of 512 bits in two halves. Few sums keep it busy, and what a tile's
end takes is hidden behind the next tile's beginning where tiles are small: 1x1 sums by one vector
and 8 pixels take 0.85 to 1.00 of the time of two by seven. Fitted to 120 kernels.
"""

from __future__ import annotations

ENOUGH = 8  # sums
ENOUGH_NARROW = 16  # where fewer pixels than this share a vector of weights:
NARROW = 5
MORE = 0.001  # cycles a multiply-add for each sum more
END = 5  # cycles of a tile's end
END_MORE = 2  # for each sum more
PASS = 0.1  # cycles a multiply-add that a pass over the weights costs, shared by its pixels


def other_costs(sums: int, pixels: int, products: int) -> float:
    """Cycles a multiply-add beside the multiply-adds, of ``sums`` of so many ``products``."""
    more = max(0, sums - (ENOUGH_NARROW if pixels < NARROW else ENOUGH))
    end = END + END_MORE * max(0, sums - ENOUGH)
    return PASS / pixels + MORE * more + end / (sums * products)
