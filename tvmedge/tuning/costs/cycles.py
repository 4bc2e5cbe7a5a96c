"""Cycles of a kernel on a core that is not here: llvm-mca's figure for each block of its code,
times how often QEMU ran that block."""

from __future__ import annotations

from tvmedge.errors import InputError, ToolError
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.counting import counting_boards
from tvmedge.tuning.costs.machine_code import block_cycles, disassembled, expected_cycles
from tvmedge.tuning.costs.source import Cost

MODELS = {
    **dict.fromkeys(("cortex-a57", "cortex-a72"), "cortex-a57"),
    **dict.fromkeys(("cortex-a76", "cortex-a78", "cortex-a78ae"), "neoverse-n1"),
    **dict.fromkeys(("cortex-a715", "cortex-a720", "cortex-x3", "cortex-x4"), "neoverse-n2"),
    "cortex-a520": "cortex-a510",
}
"""The nearest scheduling model of LLVM for cores that LLVM only has a worse one for."""


class Cycles:
    """Expected on ``model``, or on the model of LLVM nearest to the target's core."""

    unit = "cycles"
    blind = "caches and wrong guesses of branches: every load is taken to hit the first cache"
    deterministic = True

    def __init__(
        self,
        spec: TargetSpec,
        model: str | None = None,
        slots: int | None = None,
        seconds: float = 30.0,
    ) -> None:
        """``slots``: by default as many as this machine has processors.

        Raises:
            InputError: the target has no emulator, or LLVM no model of its core.
            ToolError: QEMU, the sysroot, zig or LLVM's programs are not on this machine.
        """
        core = str(spec.tvm["mcpu"])
        self._model = model or MODELS.get(core, core)
        self._triple = str(spec.tvm["mtriple"])
        try:
            block_cycles([["nop"]], self._triple, self._model)
        except ToolError as error:
            raise InputError(
                f"LLVM's llvm-mca has no model of {self._model} ({error}): count instructions."
            ) from error
        self.name = f"cycles {core} by llvm-mca {self._model}"
        self._boards = counting_boards(spec, slots, seconds)
        self._known: dict[str, Cost] = {}

    @property
    def slots(self) -> int:
        """Candidates that may be looked at at the same time."""
        return self._boards.size

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Cycles of one call."""
        if candidate.digest not in self._known:
            library = candidate.library()
            blocks = self._boards.run(lambda board: board.blocks(candidate, library))
            code = disassembled(library)
            cycles = expected_cycles(code, blocks, self._triple, self._model)
            self._known[candidate.digest] = Cost(cycles, self.unit)
        return self._known[candidate.digest]

    def __enter__(self) -> Cycles:
        return self

    def __exit__(self, *_: object) -> None:
        self._boards.close()
