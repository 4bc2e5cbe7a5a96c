"""Packets that a kernel executes on an emulated Hexagon: exact, and the same at every count."""

from __future__ import annotations

import os
from functools import partial

from tvmedge.errors import InputError
from tvmedge.resources import Closing
from tvmedge.targeting import Family, TargetSpec
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.packet_board import PacketBoard
from tvmedge.tuning.costs.pool import BoardPool
from tvmedge.tuning.costs.source import Cost


class Packets(Closing):
    """Counts on emulated cores of the target, ``slots`` of them at a time."""

    unit = "packets"
    blind = "stalls, cache and VTCM: it says how many packets are issued, not how long that takes"
    deterministic = True

    def __init__(self, spec: TargetSpec, slots: int | None = None, seconds: float = 60.0) -> None:
        """``slots``: by default as many as this machine has processors.

        Raises:
            InputError: the target is no Hexagon, or not one that is emulated.
            ToolError: QEMU is not on this machine, or too old.
        """
        if spec.family is not Family.HEXAGON:
            raise InputError(
                f"Packets are what a Hexagon executes, and {spec.name} is none: count instructions."
            )
        start = partial(PacketBoard, spec, seconds)
        start()  # says now what is missing
        count = slots or len(os.sched_getaffinity(0))
        self.name = f"packets {spec.tvm['mcpu']}"
        self._boards = BoardPool({f"emulated {spec.name} {index}": start for index in range(count)})
        self._known: dict[str, Cost] = {}

    @property
    def slots(self) -> int:
        """Emulators that may run at the same time."""
        return self._boards.size

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Packets of one call."""
        if candidate.digest not in self._known:
            counts = self._boards.run(lambda board: board.count(candidate))
            self._known[candidate.digest] = Cost(counts.packets, self.unit)
        return self._known[candidate.digest]

    def close(self) -> None:
        self._boards.close()
