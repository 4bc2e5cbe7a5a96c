"""The time that a GPU's kernel takes on OpenCL devices, by the device's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tvmedge.resources import Closing
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.device_board import DeviceBoard
from tvmedge.tuning.costs.pool import BoardPool
from tvmedge.tuning.costs.source import Cost
from tvmedge.tuning.costs.timed import fastest


class DeviceTime(Closing):
    """The fastest of many calls on whichever device is idle: what all kernels of a call took
    there, not what lies between them.

    Calls follow each other on the same tensors: what fits into a cache stays there.
    """

    unit = "s"
    blind = "the time between kernels, and caches that are cold in a whole model"
    deterministic = False

    def __init__(self, name: str, starts: Mapping[str, Callable[[], DeviceBoard]]) -> None:
        """``name`` says what the devices have in common; ``starts`` begins each, by its address."""
        self.name = f"device-time {name}"
        self._boards = BoardPool(starts)

    @property
    def slots(self) -> int:
        """Devices that are not lost."""
        return self._boards.size

    def measure(self, candidate: BuiltCandidate) -> Cost:
        """Seconds of one call; errors as in ``CostSource``."""
        library = candidate.library()
        return fastest(self._boards.run(lambda b: b.samples(library, candidate.arguments)))

    def close(self) -> None:
        self._boards.close()
