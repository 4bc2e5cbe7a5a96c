"""Where a run's time goes, kernel by kernel."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tvmedge.bundle import CodeInfo
from tvmedge.profiling.packets import added
from tvmedge.profiling.roofline import Roofline
from tvmedge.types import CallTimes, Counts, KernelCost, KernelCounts

_RUNTIME = "vm.builtin."
_ON_CPU, _FOR_GPU, _ON_GPU = (f"tvmedge.opencl.{way}" for way in ("on_cpu", "for_gpu", "on_gpu"))
_COPIES = ("vm.builtin.to_device", "tvmedge.opencl.")  # the first in older bundles
_LAST = "last"


class Role(str, Enum):
    """What a kernel is there for. ``MOVES``: it computes nothing, but brings data into another
    order or place. ``FALLBACK``: no rule is made for it, so the last took it. ``BESIDE``: on the
    CPU beside a GPU. ``COPIES``: between the two. ``RUNTIME``: TVM's own, such as memory."""

    COMPUTES = "computes"
    MOVES = "moves data"
    FALLBACK = "fallback"
    BESIDE = "on the CPU"
    COPIES = "copies to or from the GPU"
    RUNTIME = "runtime"


@dataclass(frozen=True)
class Operator:
    """All ``calls`` of a kernel in a run: the median of their times' sum, ``share`` of all kernels'
    (of what was ``counted``, where the times are an emulator's), operations and bytes where the
    bundle knows them, what was executed where the board counts. ``operators`` are those that
    the kernel's name lists, ``samples_ms`` the sum of its calls in each run."""

    kernel: str
    operators: tuple[str, ...]
    role: Role
    calls: int
    milliseconds: float
    share: float
    operations: int | None = None
    moved_bytes: int | None = None
    roofline: float | None = None
    counts: Counts | None = None
    samples_ms: tuple[float, ...] = ()

    @property
    def gops(self) -> float | None:
        """Operations of arithmetic a second, in 10**9."""
        if self.operations is None or self.milliseconds <= 0:
            return None
        return self.operations / self.milliseconds / 1e6


@dataclass(frozen=True)
class Span:
    """A call of a kernel: calls are laid end to end, each as long as its median."""

    kernel: str
    start_ms: float
    milliseconds: float


@dataclass(frozen=True)
class PerOp:
    """A run by kernels, those that take most first. ``counted`` names what shares are of where
    that is not time."""

    operators: tuple[Operator, ...]
    timeline: tuple[Span, ...]
    runs: int
    total_ms: float
    roofline: Roofline
    counted: str | None = None

    def share(self, *roles: Role) -> float:
        """Of all kernels' time (or counts), what those of these roles take."""
        return sum(one.share for one in self.operators if one.role in roles)

    @property
    def copies(self) -> str | None:
        """What goes between CPU and GPU within a run, in words; None where nothing does."""
        found = [one for one in self.operators if one.role is Role.COPIES]
        if not found:
            return None
        known = [one.moved_bytes for one in found if one.moved_bytes is not None]
        moved = f", {sum(known)} bytes" if len(known) == len(found) else ""
        return (
            f"between CPU and GPU: {sum(one.milliseconds for one in found):.4f} ms"
            f"{moved} in {sum(one.calls for one in found)} calls"
        )


def per_op(
    times: CallTimes, code: CodeInfo, roofline: Roofline, counts: tuple[KernelCounts, ...] = ()
) -> PerOp:
    """Sum calls up by their kernels. ``counts`` are of the same calls, where the board counts:
    packets, else instructions, then decide the shares."""
    known = {cost.name: cost for cost in code.kernels}
    beside = {kernel.name for kernel in code.on_cpu}
    medians = [statistics.median(call) for call in zip(*times.runs, strict=True)]
    places: dict[str, list[int]] = {}
    for place, name in enumerate(times.kernels):
        places.setdefault(name, []).append(place)
    executed = _executed(counts)
    counted = _counted(executed)
    samples = {
        name: tuple(sum(run[place] for place in mine) for run in times.runs)
        for name, mine in places.items()
    }
    sums = {name: statistics.median(all_runs) for name, all_runs in samples.items()}
    total = sum(sums.values())
    shares = _parts(
        {name: getattr(executed.get(name, Counts()), counted) for name in places}
        if counted
        else sums
    )
    found = []
    for name, mine in places.items():
        cost = known.get(name)
        operations, moved = _of(cost, len(mine))
        if name.startswith(_COPIES):
            moved = _between(code, name)
        fraction = None if counted else roofline.fraction(operations, moved, sums[name])
        found.append(
            Operator(
                name,
                operators_of(name),
                _role(name, cost, beside),
                len(mine),
                sums[name],
                shares[name],
                operations,
                moved,
                fraction,
                executed.get(name),
                samples[name],
            )
        )
    found.sort(key=lambda one: -one.share)
    timeline, start = [], 0.0
    for name, milliseconds in zip(times.kernels, medians, strict=True):
        timeline.append(Span(name, start, milliseconds))
        start += milliseconds
    return PerOp(tuple(found), tuple(timeline), len(times.runs), total, roofline, counted)


def operators_of(kernel: str) -> tuple[str, ...]:
    """What was fused into a kernel, by its name.

    >>> operators_of("fused_conv2_add6_tir_clip3")
    ('conv', 'add', 'clip')
    """
    words = kernel.removeprefix("fused_").split("_")
    names = (re.sub(r"\d+$", "", word) for word in words if word != "tir")
    return tuple(name for name in names if name)


def _role(name: str, cost: KernelCost | None, beside: set[str]) -> Role:
    if name.startswith(_COPIES):
        return Role.COPIES
    if name.startswith(_RUNTIME):
        return Role.RUNTIME
    if name in beside:
        return Role.BESIDE
    if cost is not None and cost.operations == 0:
        return Role.MOVES
    return Role.FALLBACK if cost is not None and cost.rule in (_LAST, "") else Role.COMPUTES


def _of(cost: KernelCost | None, calls: int) -> tuple[int | None, int | None]:
    if cost is None:
        return None, None
    operations = None if cost.operations is None else calls * cost.operations
    return operations, None if cost.moved_bytes is None else calls * cost.moved_bytes


def _between(code: CodeInfo, name: str) -> int | None:
    """Bytes that calls of ``name`` let the CPU see of the GPU's in a run, or the reverse."""
    each: list[int | None] = []
    if name not in (_ON_GPU, _FOR_GPU):
        each += (kernel.bytes_to_cpu for kernel in code.on_cpu)
    if name not in (_ON_CPU, _FOR_GPU):
        each += (kernel.bytes_to_gpu for kernel in code.on_cpu)
    known = [size for size in each if size is not None]
    return sum(known) if len(known) == len(each) else None


def _executed(counts: tuple[KernelCounts, ...]) -> Mapping[str, Counts]:
    found: dict[str, Counts] = {}
    for one in counts:
        found[one.kernel] = added((found.get(one.kernel, Counts()), one.counts))
    return found


def _counted(executed: Mapping[str, Counts]) -> str | None:
    """What decides where a board counts: packets, else instructions."""
    for what in ("packets", "instructions"):
        if any(getattr(counts, what) for counts in executed.values()):
            return what
    return None


def _parts(weights: Mapping[str, float]) -> dict[str, float]:
    whole = sum(weights.values())
    return {name: weight / whole if whole else 0.0 for name, weight in weights.items()}
