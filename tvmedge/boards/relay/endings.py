"""How the process of a board ended, as part of a sentence."""

from __future__ import annotations

import signal

CRASHED = "crashed"
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def session_ending(text: str) -> str:
    """How a session on a board ended, as its last frame tells it, completing 'the board ...'."""
    kind, _, rest = text.partition("\n")[0].partition(" ")
    if kind == "signal" and rest.isdecimal():
        return numbered_ending(-int(rest))
    if kind == "exit" and rest.isdecimal():
        return numbered_ending(int(rest))
    if kind == "limit":
        what, _, most = rest.partition(" ")
        return f"was ended (more {what} than the {most} that a session may use)"
    return text.partition("\n")[0] or "ended without a word"


def numbered_ending(code: int) -> str:
    """How a process ended that has this exit code, -N for signal N, completing 'the board ...'."""
    # A shell, ssh, QEMU and our servers report a signal as 128 + its number.
    try:
        return signal_ending(-code if code < 0 else code - 128)
    except ValueError:
        return f"ended (exit code {code})"


def signal_ending(number: int) -> str:
    """How a process ended by a signal, completing 'the board ...'.

    Raises:
        ValueError: no such signal.
    """
    name = signal.Signals(number).name
    return f"{CRASHED if number in _CRASHES else 'was ended'} (signal {name})"
