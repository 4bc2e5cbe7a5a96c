"""How much memory this process has used at most, as Linux counts it (proc(5)), and may use."""

from __future__ import annotations

import resource
from pathlib import Path

_PROC = Path("/proc/self")
_FORGET_PEAK = "5"


def peak_kib() -> int:
    """The most that was ever resident, VmHWM, in KiB."""
    return _status_kib("VmHWM")


def bound_memory(more_bytes: int = 4 << 30) -> None:
    """Let this process, and those it starts from now on, allocate so much beyond what they have
    now: TVM's client makes room for whatever size a packet from a board announces."""
    most = (_status_kib("VmData") << 10) + more_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _status_kib(name: str) -> int:
    for line in (_PROC / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise OSError(f"the system does not tell {name}")


def restarted_peak_kib() -> int | None:
    """What is resident now, from where on the peak counts anew; None where that cannot be had."""
    try:
        (_PROC / "clear_refs").write_text(_FORGET_PEAK)
        return peak_kib()
    except OSError:
        return None
