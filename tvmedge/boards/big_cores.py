"""Which of a machine's cores are its fast ones, where it has several kinds (big.LITTLE).

``device/system_linux.h`` does the same on a board.
"""

from __future__ import annotations

import os
from pathlib import Path

from tvmedge.targeting.core import BIG

_CPUS = Path("/sys/devices/system/cpu")


def big_cores(allowed: set[int], root: Path = _CPUS) -> set[int]:
    """Those of ``allowed`` whose highest clock is near that of the fastest; all of them where the
    system does not tell every one's."""
    clocks = {cpu: _clock(root / f"cpu{cpu}/cpufreq/cpuinfo_max_freq") for cpu in allowed}
    fastest = max(clocks.values(), default=0)
    if not all(clocks.values()):
        return allowed
    return {cpu for cpu, clock in clocks.items() if clock >= BIG * fastest}


def _clock(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def keep_to_big_cores(threads: int | None) -> int:
    """Let this thread, and those it starts, run on the fast cores if ``threads`` fit there (None:
    one each); how many cores that leaves them."""
    allowed = os.sched_getaffinity(0)
    big = big_cores(allowed)
    if threads is not None and threads > len(big):
        return len(allowed)
    if big != allowed:
        os.sched_setaffinity(0, big)
    return len(big)
