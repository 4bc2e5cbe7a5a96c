"""Instructions that a kernel executes, counted under QEMU: exact, and the same at every count."""

from __future__ import annotations

from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.counted import Counted
from tvmedge.tuning.costs.counting import CountingBoard, counting_boards


class Instructions(Counted[CountingBoard]):
    """Counts on an emulated core of the target, ``slots`` of them at a time."""

    unit = "instructions"
    blind = "stalls and caches: it says how much code runs, not how long that takes"

    def __init__(self, spec: TargetSpec, slots: int | None = None, seconds: float = 30.0) -> None:
        """``slots``: by default as many as this machine has processors.

        Raises:
            InputError: the target has no emulator.
            ToolError: QEMU, the sysroot or zig is not on this machine.
        """
        super().__init__(counting_boards(spec, slots, seconds))
        self.name = f"instructions {spec.tvm['mcpu']}"

    def cost(self, board: CountingBoard, candidate: BuiltCandidate) -> float:
        """Instructions of one call."""
        return board.count(candidate)
