"""How the process of a board ended, as part of a sentence."""

from __future__ import annotations

import signal

CRASHED = "crashed"
_IN = " in kernel "
_LIMIT = " (more "
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def session_ending(text: str) -> str:
    """How a session on a board ended, as its last frame tells it, completing 'the board ...'."""
    kind, _, rest = text.partition("\n")[0].partition(" ")
    kernel = kernel_at_end(text)
    if kind == "signal" and rest.isdecimal():
        return _placed(numbered_ending(-int(rest)), kernel)
    if kind == "exit" and rest.isdecimal():
        return _placed(numbered_ending(int(rest)), kernel)
    if kind == "limit":
        what, _, most = rest.partition(" ")
        over = f"was ended{_LIMIT}{what} than the {most} that a session may use)"
        return _placed(over, kernel)
    first = text.partition("\n")[0] or "ended without a word"
    return f"{first}{_IN}{kernel}" if kernel else first


def kernel_ended(ending: str) -> bool:
    """Whether a sentence of this module puts the end down to what ran: a crash, or a limit."""
    return ending.startswith(CRASHED) or _LIMIT in ending


def kernel_at_end(text: str) -> str:
    """The kernel that ran when a session ended, as its last frame tells it; empty for none."""
    for line in text.split("\n")[1:]:
        name, _, value = line.partition(" ")
        if name == "kernel":
            return value
    return ""


def kernel_in(ending: str) -> str:
    """The kernel that a sentence of this module names; empty for none."""
    return ending.partition(_IN)[2].partition(" ")[0]


def _placed(ending: str, kernel: str) -> str:
    """The same ending with the kernel, before the bracket that says why."""
    what, bracket, why = ending.partition(" (")
    return f"{what}{_IN}{kernel}{bracket}{why}" if kernel else ending


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
