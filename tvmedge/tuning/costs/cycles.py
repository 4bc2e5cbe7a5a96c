"""Cycles of a kernel on a core that is not here: llvm-mca's figure for each block of its code,
times how often QEMU ran that block."""

from __future__ import annotations

import statistics

from tvmedge.errors import InputError, ToolError
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.counted import Counted
from tvmedge.tuning.costs.counting import CountingBoard, counting_boards
from tvmedge.tuning.costs.machine_code import (
    HALF,
    Loads,
    block_cycles,
    disassembled,
    expected_cycles,
)

MODELS = {
    **dict.fromkeys(("cortex-a57", "cortex-a72"), "cortex-a57"),
    **dict.fromkeys(("cortex-a76", "cortex-a78", "cortex-a78ae"), "neoverse-n1"),
    **dict.fromkeys(("cortex-a715", "cortex-a720", "cortex-x3", "cortex-x4"), "neoverse-n2"),
    "cortex-a520": "cortex-a510",
}
"""The nearest scheduling model of LLVM for cores that LLVM only has a worse one for."""


class Cycles(Counted[CountingBoard]):
    """Expected on ``model``, or on the model of LLVM nearest to the target's core."""

    unit = "cycles"
    blind = "caches and wrong guesses of branches: every load is taken to hit the first cache"

    def __init__(
        self,
        spec: TargetSpec,
        model: str | None = None,
        slots: int | None = None,
        seconds: float = 30.0,
        loads: tuple[Loads, ...] = HALF,
    ) -> None:
        """``slots``: by default as many as this machine has processors. ``loads``: what they
        wait for, the geometric mean being taken.

        Raises:
            InputError: the target has no emulator, or LLVM no model of its core.
            ToolError: QEMU, the sysroot, zig or LLVM's programs are not on this machine.
        """
        core = str(spec.tvm["mcpu"])
        self._model = model or MODELS.get(core, core)
        self._triple = str(spec.tvm["mtriple"])
        self._loads = loads
        try:
            block_cycles([["nop"]], self._triple, self._model)
        except ToolError as error:
            raise InputError(
                f"LLVM's llvm-mca has no model of {self._model} ({error}): count instructions."
            ) from error
        super().__init__(counting_boards(spec, slots, seconds))
        kinds = "" if loads == HALF else f", loads {' and '.join(kind.value for kind in loads)}"
        self.name = f"cycles {core} by llvm-mca {self._model} 2{kinds}"

    def cost(self, board: CountingBoard, candidate: BuiltCandidate) -> float:
        """Cycles of one call."""
        library = candidate.library()
        blocks = board.blocks(candidate, library)
        code = disassembled(library)
        each = [
            expected_cycles(code, blocks, self._triple, self._model, kind) for kind in self._loads
        ]
        return statistics.geometric_mean(each)
