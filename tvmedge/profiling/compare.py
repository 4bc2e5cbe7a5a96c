"""Two profiles of one model side by side: what differs, and what chance explains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tvmedge.errors import InputError
from tvmedge.profiling.statistics import Difference, difference, holm

_LIMIT = 64 << 20
_MAJOR = "1"


class _Latency(msgspec.Struct):
    samples_ms: list[float]


class _Kernel(msgspec.Struct):
    kernel: str
    samples_ms: list[float]
    share: float


class _PerOp(msgspec.Struct):
    kernels: list[_Kernel]


class _Energy(msgspec.Struct):
    measured: bool
    millijoules_per_run: float | None = None


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
    bundle_bytes: int | None = None
    energy: _Energy | None = None
    per_op: _PerOp | None = None


@dataclass(frozen=True)
class KernelDifference:
    """A kernel that both profiles timed; ``significant`` among all kernels that were compared
    (Holm's correction of 1 %), ``share`` the larger of its two shares of all kernels' time."""

    kernel: str
    difference: Difference
    share: float
    significant: bool


@dataclass(frozen=True)
class Comparison:
    """B beside A; ``warnings`` say where the two are not of one kind. ``kernels`` are those of
    both, the largest first; ``alone`` counts those that one has and the other has not."""

    a: ProfileFile
    b: ProfileFile
    latency: Difference
    warnings: tuple[str, ...]
    kernels: tuple[KernelDifference, ...] = ()
    alone: int = 0


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
    kernels, alone = _kernels(first.per_op, second.per_op)
    return Comparison(first, second, difference(*samples), warnings, kernels, alone)


def _kernels(a: _PerOp | None, b: _PerOp | None) -> tuple[tuple[KernelDifference, ...], int]:
    if a is None or b is None:
        return (), 0
    ours, theirs = ({one.kernel: one for one in found.kernels} for found in (a, b))
    both = [name for name in ours if name in theirs and _timed(ours[name]) and _timed(theirs[name])]
    found = {name: difference(ours[name].samples_ms, theirs[name].samples_ms) for name in both}
    sure = holm({name: one.p_value for name, one in found.items()})
    compared = [
        KernelDifference(
            name,
            one,
            max(ours[name].share, theirs[name].share),
            name in sure and one.significant,
        )
        for name, one in found.items()
    ]
    compared.sort(key=lambda one: -one.share)
    return tuple(compared), len(ours.keys() ^ theirs.keys())


def _timed(kernel: _Kernel) -> bool:
    return bool(kernel.samples_ms) and all(0 < x < float("inf") for x in kernel.samples_ms)


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
        whole = msgspec.json.decode(content)
        if isinstance(whole, dict) and isinstance(whole.get("boards"), list):
            boards = [str(one.get("board")) for one in whole["boards"] if isinstance(one, dict)]
            raise InputError(
                f"'{path}' is of several boards ({', '.join(boards)}), and two profiles of one "
                "board each are compared: profile the boards one by one."
            )
        found: Any = msgspec.convert(whole, ProfileFile)
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
