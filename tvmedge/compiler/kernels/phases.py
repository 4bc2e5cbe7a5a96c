"""Where a transposed convolution reads: its result's phases along one axis.

With a stride of 2 a result's even and odd elements each are a convolution of the image
with every other tap of the window:

    out[2 place + phase] = sum over j of x[place + first + index(phase, j)] * weight[tap(phase, j)]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Phases:
    """``kernel`` taps, ``stride`` phases, and ``pad`` elements cut from the result's front."""

    kernel: int
    stride: int
    pad: int

    @property
    def taps(self) -> int:
        """Taps of a phase; where it has fewer the first weigh nothing."""
        return -(-self.kernel // self.stride)

    def tap(self, phase: int, j: int) -> int | None:
        """Which tap of the window is the ``j``-th of ``phase``; None where it has fewer."""
        tap = (phase + self.pad) % self.stride + (self.taps - 1 - j) * self.stride
        return tap if tap < self.kernel else None

    @property
    def first(self) -> int:
        """From a result's place to the first element that any phase reads for it."""
        return self.pad // self.stride - (self.taps - 1)

    def index(self, phase: Any, j: Any) -> Any:
        """From there to what the ``j``-th tap of ``phase`` reads, 0 or more: a number, or an
        expression of loops."""
        return (phase + self.pad) // self.stride - self.pad // self.stride + j

    @property
    def reach(self) -> int:
        """Elements from the first to the last that any phase reads for a place."""
        return int(self.index(self.stride - 1, self.taps - 1)) + 1

    def around(self, places: int, size: int) -> tuple[int, int]:
        """Elements read in front of and behind an image of ``size`` by ``places`` of every
        phase; negative where some of the image is not read."""
        return -self.first, places - 1 + self.first + self.reach - size
