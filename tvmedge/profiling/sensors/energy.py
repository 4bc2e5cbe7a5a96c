"""What a run takes in energy, from the board's own meters; never an estimate.

What a meter covers (a package, a board, a battery) is its own affair and is named with the
figure; it includes what the board takes when idle.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tvmedge.errors import BoardError
from tvmedge.profiling.sensors.reading import Reader, Reading

_SECONDS = 2.0
_EVERY_S = 0.05
_FEWEST = 5
_AT_ONCE = 5000
_RAIL = re.compile(r"CH\d+\(T=\d+\)\[([^\]]*)\],\s*(\d+)")


@dataclass(frozen=True)
class Energy:
    """``millijoules`` of a run, the mean of ``runs`` in ``seconds``, as ``provider`` tells them of
    ``scope``."""

    millijoules: float
    provider: str
    scope: str
    runs: int
    seconds: float


@dataclass(frozen=True)
class NotMeasured:
    """There is no figure, and why."""

    why: str


@dataclass(frozen=True)
class Meter:
    """How a reading tells energy: microjoules that were ever counted, which begin again at
    ``range`` where that is known, or microwatts at this moment. What it covers is ``scope``."""

    provider: str
    scope: str
    counts: dict[str, int] | None
    ranges: dict[str, int] | None = None
    microwatts: float | None = None


def meter(reading: Reading) -> Meter | NotMeasured:
    """The best meter there is: what counts energy before what tells power."""
    for look in (_powercap, _hwmon_energy, _rails, _hwmon_power, _battery):
        if (found := look(reading)) is not None:
            return found
    hidden = sorted(path for path, text in reading.items() if text is None)
    if hidden:
        return NotMeasured(f"/{hidden[0]} may be read by root only")
    return NotMeasured(
        "the kernel shows no meter: powercap, hwmon, iio (ODPM) or a battery that discharges"
    )


def measure_energy(
    reader: Reader, run: Callable[[int], object], milliseconds: float, seconds: float = _SECONDS
) -> Energy | NotMeasured:
    """Run for about ``seconds`` (``run(n)`` makes n runs and one before them, each of about
    ``milliseconds``) and read the board's meter.

    Raises:
        BoardError: the board is gone, or the model failed.
    """
    first = meter(reader.read())
    if isinstance(first, NotMeasured):
        return first

    def all_runs() -> tuple[int, float]:
        return _repeated(run, milliseconds, seconds)

    if first.counts is None:
        return _integrated(reader, all_runs, first)
    count, taken = all_runs()
    last = meter(reader.read())
    if isinstance(last, NotMeasured) or last.counts is None:
        return NotMeasured(f"{first.provider} was gone after the runs")
    total = counted(first, last)
    if not total:
        return NotMeasured(f"{first.provider} did not count anything in {taken:.1f} s")
    return Energy(total / 1e3 / count, first.provider, first.scope, count, taken)


def _repeated(
    run: Callable[[int], object], milliseconds: float, seconds: float
) -> tuple[int, float]:
    """Run for so long: how many runs that were, the one before each request among them, and the
    seconds that they took."""
    each = max(1, min(_AT_ONCE, int(seconds * 1e3 / 4 / max(milliseconds, 1e-6))))
    count, started = 0, time.monotonic()
    while True:
        run(each)
        count += each + 1
        taken = time.monotonic() - started
        if taken >= seconds and count > _FEWEST:
            return count, taken


def counted(first: Meter, last: Meter) -> int:
    """Microjoules between two readings; a counter that began again did so once."""
    total = 0
    for path, before in (first.counts or {}).items():
        after = (last.counts or {}).get(path, before)
        total += after - before
        if after < before:
            total += (first.ranges or {}).get(path, before - after)
    return total


def _integrated(
    reader: Reader, run: Callable[[], tuple[int, float]], first: Meter
) -> Energy | NotMeasured:
    """Power is read while runs go on, and summed over their time."""
    points: list[tuple[float, float]] = []
    failed: list[BoardError] = []
    over = threading.Event()

    def watch() -> None:
        try:
            while not over.is_set():
                found = meter(reader.read())
                if isinstance(found, Meter) and found.microwatts is not None:
                    points.append((time.monotonic(), found.microwatts))
                over.wait(_EVERY_S)
        except BoardError as error:
            failed.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        count, taken = run()
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
    if len(points) < _FEWEST:
        return NotMeasured(f"{first.provider} was read {len(points)} times only")
    microjoules = sum(
        (later - earlier) * (one + two) / 2
        for (earlier, one), (later, two) in itertools.pairwise(points)
    )
    watched = points[-1][0] - points[0][0]
    millijoules = microjoules / watched * taken / 1e3 / count
    return Energy(millijoules, first.provider, first.scope, count, taken)


def _powercap(reading: Reading) -> Meter | None:
    """RAPL's packages: zones that are in no other (intel-rapl:0, not intel-rapl:0:1), without the
    one that sums up a whole system (psys), which is not on every machine."""
    zones = {}
    for path, text in reading.items():
        zone, _, file = path.rpartition("/")
        name = reading.get(f"{zone}/name") or ""
        if file == "energy_uj" and zone.count(":") == 1 and name.startswith("package"):
            zones[path] = (_number(text), name)
    counts = {path: number for path, (number, _) in zones.items() if number is not None}
    if not counts:
        return None
    ranges = {}
    for path in counts:
        most = _number(reading.get(path.replace("energy_uj", "max_energy_range_uj")))
        if most is not None:
            ranges[path] = most
    return Meter("powercap", ", ".join(zones[path][1] for path in counts), counts, ranges)


def _hwmon_energy(reading: Reading) -> Meter | None:
    counts = _matching(reading, r"hwmon/hwmon\d+/energy\d+_input$")
    return Meter("hwmon", _owners(reading, counts), counts) if counts else None


def _rails(reading: Reading) -> Meter | None:
    """Android's on-device power meter: rails in microwatt-seconds, several a file."""
    counts = dict[str, int]()
    for path, text in reading.items():
        if path.endswith("/energy_value") and text:
            counts |= {f"{path}#{rail}": int(count) for rail, count in _RAIL.findall(text)}
    if not counts:
        return None
    return Meter("ODPM", ", ".join(sorted(path.rpartition("#")[2] for path in counts)), counts)


def _hwmon_power(reading: Reading) -> Meter | None:
    """INA sensors and their like, in microwatts."""
    powers = _matching(reading, r"hwmon/hwmon\d+/power\d+_input$")
    if not powers:
        return None
    return Meter("hwmon", _owners(reading, powers), None, None, float(sum(powers.values())))


def _battery(reading: Reading) -> Meter | None:
    """What a battery gives, where it is not being charged: microamperes times microvolts."""
    for path, text in reading.items():
        supply, _, file = path.rpartition("/")
        if file != "status" or text != "Discharging":
            continue
        current = _number(reading.get(f"{supply}/current_now"))
        voltage = _number(reading.get(f"{supply}/voltage_now"))
        if current is not None and voltage is not None:
            watts = abs(current) * voltage / 1e6
            return Meter("power_supply", supply.rpartition("/")[2], None, None, watts)
    return None


def _matching(reading: Reading, pattern: str) -> dict[str, int]:
    numbers = {path: _number(text) for path, text in reading.items() if re.search(pattern, path)}
    return {path: number for path, number in numbers.items() if number is not None}


def _owners(reading: Reading, paths: dict[str, int]) -> str:
    names = {reading.get(f"{path.rpartition('/')[0]}/name") or "?" for path in paths}
    return ", ".join(sorted(names))


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
