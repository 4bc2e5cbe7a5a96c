"""Instructions that a kernel executes, counted under QEMU: exact, and the same at every count."""

from __future__ import annotations

from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.counting import counting_boards
from tvmedge.tuning.costs.source import Cost


class Instructions:
    """Counts on an emulated core of the target, ``slots`` of them at a time."""

    unit = "instructions"
    blind = "stalls and caches: it says how much code runs, not how long that takes"
    deterministic = True

    def __init__(self, spec: TargetSpec, slots: int | None = None, seconds: float = 30.0) -> None:
        """``slots``: by default as many as this machine has processors.

        Raises:
            InputError: the target has no emulator.
            ToolError: QEMU, the sysroot or zig is not on this machine.
        """
        self.name = f"instructions {spec.tvm['mcpu']}"
        self._boards = counting_boards(spec, slots, seconds)
        self._known: dict[str, Cost] = {}

    @property
    def slots(self) -> int:
        """Emulators that may run at the same time."""
        return self._boards.size

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Instructions of one call."""
        if candidate.digest not in self._known:
            count = self._boards.run(lambda board: board.count(candidate))
            self._known[candidate.digest] = Cost(count, self.unit)
        return self._known[candidate.digest]

    def __enter__(self) -> Instructions:
        return self

    def __exit__(self, *_: object) -> None:
        self._boards.close()
