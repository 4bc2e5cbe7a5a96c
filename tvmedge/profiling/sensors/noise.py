"""Whether a board stayed the same while it was measured: its clocks, its heat, its times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tvmedge.profiling.sensors.reading import Reading
from tvmedge.profiling.statistics import difference

_CLOCK = 0.05
_DEGREES = 5.0
_TIMES = 0.05
_FEWEST = 30
_CPU = re.compile(r"cpu(\d+)/")
_ZONE = re.compile(r"(thermal_zone\d+)/")
_FIRMWARE = "get_throttled"
_THROTTLED_NOW = 0xF
"""Bits of a Raspberry Pi: low voltage, clock capped, throttled, near its limit; those above tell
of the time since it was started."""


@dataclass(frozen=True)
class BoardState:
    """``mhz`` by core, ``celsius`` by zone, and how often each core was throttled since the
    board's start; ``capped`` as a Raspberry Pi's firmware says it. Empty where nobody tells."""

    mhz: Mapping[str, float] = field(default_factory=dict)
    celsius: Mapping[str, float] = field(default_factory=dict)
    throttled: Mapping[str, int] = field(default_factory=dict)
    capped: int | None = None


@dataclass(frozen=True)
class Noise:
    """The board before and after what was timed, and sentences about what changed; ``unknown``
    says what nobody could look at."""

    before: BoardState | None
    after: BoardState | None
    flags: tuple[str, ...]
    unknown: str = ""


def state(reading: Reading) -> BoardState:
    """What a reading says of clocks, heat and throttling."""
    mhz, celsius, throttled = dict[str, float](), dict[str, float](), dict[str, int]()
    capped = None
    for path, text in reading.items():
        name = path.rpartition("/")[2]
        cpu, zone = _CPU.search(path), _ZONE.search(path)
        number = _number(text, 16 if name == _FIRMWARE else 10)
        if number is None:
            continue
        if name == "scaling_cur_freq" and cpu:
            mhz[f"cpu{cpu[1]}"] = number / 1e3
        elif name == "core_throttle_count" and cpu:
            throttled[f"cpu{cpu[1]}"] = number
        elif name == "temp" and zone:
            kind = reading.get(path.replace("/temp", "/type")) or zone[1]
            celsius[f"{zone[1].removeprefix('thermal_')} {kind}"] = number / 1e3
        elif name == _FIRMWARE:
            capped = number
    return BoardState(mhz, celsius, throttled, capped)


def noise(
    before: BoardState | None, after: BoardState | None, samples: Sequence[float], why: str = ""
) -> Noise:
    """What changed; ``why`` nobody could look at the board, where that is None."""
    flags = [*_drift(samples)]
    if before is None or after is None:
        return Noise(None, None, tuple(flags), why)
    missing = [
        name
        for name, known in (
            ("clocks", before.mhz),
            ("temperatures", before.celsius),
            ("throttling", before.throttled or before.capped is not None),
        )
        if not known
    ]
    for cpu in before.mhz.keys() & after.mhz.keys():
        one, two = before.mhz[cpu], after.mhz[cpu]
        if one > 0 and abs(two / one - 1) > _CLOCK:
            flags.append(f"{cpu} went from {one:.0f} to {two:.0f} MHz")
    for zone in before.celsius.keys() & after.celsius.keys():
        one, two = before.celsius[zone], after.celsius[zone]
        if two - one > _DEGREES:
            flags.append(f"{zone} went from {one:.0f} to {two:.0f} degrees C")
    for cpu in before.throttled.keys() & after.throttled.keys():
        if after.throttled[cpu] > before.throttled[cpu]:
            flags.append(f"{cpu} was throttled")
    if (before.capped or 0) & _THROTTLED_NOW or (after.capped or 0) & _THROTTLED_NOW:
        flags.append("the board's firmware holds its clock down (voltage or heat)")
    unknown = f"the board does not tell its {', '.join(missing)}" if missing else ""
    return Noise(before, after, tuple(sorted(flags)), unknown)


def _drift(samples: Sequence[float]) -> list[str]:
    """Whether the last third of the runs took another time than the first."""
    third = len(samples) // 3
    if third < _FEWEST // 3:
        return []
    found = difference(samples[:third], samples[-third:])
    if not found.significant or abs(found.ratio - 1) < _TIMES:
        return []
    return [f"the last third of the runs took {found.ratio:.2f} of the first third's time"]


def _number(text: str | None, base: int) -> int | None:
    try:
        return int(text or "", base)
    except ValueError:
        return None
