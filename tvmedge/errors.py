"""Every error a user can meet, each with its exit code.

A message is one sentence that names the file, node or option, what was
expected and what to do. The command line prints it and nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every verb, the contract that scripts rely on."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CHECK = 3
    BOARD = 4
    TRUST = 5
    TOOL = 6
    INTERRUPTED = 130


class TvmEdgeError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = ExitCode.INTERNAL


class InputError(TvmEdgeError):
    """A model, bundle, option or value that cannot be used as given."""

    exit_code = ExitCode.USAGE


class CheckError(TvmEdgeError):
    """A result, budget or comparison that came out wrong."""

    exit_code = ExitCode.CHECK


class BoardError(TvmEdgeError):
    """A board or the connection to it failed: crash, hang, protocol."""

    exit_code = ExitCode.BOARD


class TrustError(TvmEdgeError):
    """Content that does not match its hash or signature."""

    exit_code = ExitCode.TRUST


class ToolError(TvmEdgeError):
    """A missing tool or library, or a disk that is full or not writable."""

    exit_code = ExitCode.TOOL


def nearest(name: str, valid: Iterable[str], count: int = 3) -> str:
    """The valid names closest to ``name``, as text for an error message."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.4)
    if close:
        return "nearest: " + ", ".join(close)
    return "valid: " + ", ".join(names)
