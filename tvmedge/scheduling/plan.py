"""What passes between kernels and the rules that schedule them."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import s_tir

# The annotation of a block that says what it computes ("conv"), for rules to know it by.
KERNEL = "tvmedge.kernel"
# That of a convolution's groups: a tile never reaches from one into the next.
GROUPS = "tvmedge.groups"
# That of a kernel whose algorithm, or whose tile before it is scheduled, was chosen: the question,
# as knobs were asked.
ALGORITHM = "tvmedge.algorithm"
# That of a convolution whose rows belong to so many planes: a tile stays in one row.
PLANES = "tvmedge.planes"
# That of how a convolution's window moves along a row: its stride, its dilation.
MOVES = "tvmedge.moves"
# That of sums over windows: kernel, strides, dilations, pads, what is around the image, and by what
# sums are multiplied.
WINDOW = "tvmedge.window"
# That of one whose input channels come from two halves in turns.
HALVES = "tvmedge.halves"
# The annotation of a block that moves channels: how many stay together.
RUN = "tvmedge.run"

# The annotation of a loop in a turn of which a convolution's weights may be fetched so many blocks
# ahead, its tiles being of so many rows and columns.
AHEAD = "tvmedge.ahead"

# The annotation of a loop whose turns do nothing where all they read is padding.
SKIPS = "tvmedge.skips"
# That of a loop that LLVM is not to write out.
KEPT = "tvmedge.kept"

# The annotation of a block that drops those sums that were formed beyond the result.
CUT = "tvmedge.cut"


@dataclass(frozen=True)
class Plan:
    """A schedule and what a reader should know of it.

    ``tile`` describes the innermost tile, ``peak`` is the share of the core's
    multiply-add rate that the rule's estimate expects of it, None where the
    rule does not estimate.
    """

    schedule: s_tir.Schedule
    tile: str = ""
    peak: float | None = None
