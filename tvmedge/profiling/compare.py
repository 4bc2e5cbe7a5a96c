"""Two profiles of one model side by side: what differs, and what chance explains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tvmedge.errors import InputError
from tvmedge.profiling.statistics import Difference, difference

_LIMIT = 64 << 20
_MAJOR = "1"


class _Latency(msgspec.Struct):
    samples_ms: list[float]


class ProfileFile(msgspec.Struct):
    """What is read of a file that ``tvmedge profile --json`` wrote."""

    schema_version: str
    verb: str
    model: str
    target: str
    board: str
    emulated: bool
    cold_start_ms: float
    latency: _Latency
    memory_kib: int | None = None


@dataclass(frozen=True)
class Comparison:
    """B beside A; ``warnings`` say where the two are not of one kind."""

    a: ProfileFile
    b: ProfileFile
    latency: Difference
    warnings: tuple[str, ...]


def compare_profiles(a: Path, b: Path) -> Comparison:
    """Compare two files of ``tvmedge profile --json``.

    Raises:
        InputError: a file is missing, too large, or no profile of this major version.
    """
    first, second = read_profile(a), read_profile(b)
    warnings = tuple(
        f"{name} differs: {getattr(first, name)} and {getattr(second, name)}"
        for name in ("model", "target", "board")
        if getattr(first, name) != getattr(second, name)
    )
    if first.emulated or second.emulated:
        warnings += ("an emulator's times say nothing about the device",)
    samples = first.latency.samples_ms, second.latency.samples_ms
    return Comparison(first, second, difference(*samples), warnings)


def read_profile(path: Path) -> ProfileFile:
    """A profile from its file.

    Raises:
        InputError: as ``compare_profiles``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise InputError(f"Cannot read '{path}': {error.strerror}.") from error
    made = f"'{path}' is no file that 'tvmedge profile --json' wrote"
    if len(content) > _LIMIT:
        raise InputError(f"{made}: it is larger than 64 MiB.")
    try:
        found: Any = msgspec.json.decode(content, type=ProfileFile)
    except msgspec.MsgspecError as error:
        raise InputError(f"{made}: {error}.") from error
    samples = found.latency.samples_ms
    if found.verb != "profile" or found.schema_version.partition(".")[0] != _MAJOR:
        raise InputError(
            f"{made} of this major version: it is a '{found.verb}' of {found.schema_version}."
        )
    if not samples or not all(0 < sample < float("inf") for sample in samples):
        raise InputError(f"{made}: its samples are no times.")
    profile: ProfileFile = found
    return profile
