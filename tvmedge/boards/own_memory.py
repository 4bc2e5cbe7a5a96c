"""How much memory this process has used at most, as Linux counts it (proc(5))."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc/self")
_FORGET_PEAK = "5"


def peak_kib() -> int:
    """The most that was ever resident, VmHWM, in KiB."""
    for line in (_PROC / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise OSError("the system does not tell VmHWM")


def restarted_peak_kib() -> int | None:
    """What is resident now, from where on the peak counts anew; None where that cannot be had."""
    try:
        (_PROC / "clear_refs").write_text(_FORGET_PEAK)
        return peak_kib()
    except OSError:
        return None
