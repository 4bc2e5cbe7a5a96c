"""Meters and clocks of boards, read by the real readers from folders like /sys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.test_profiling import latencies
from tvmedge.boards.address import LOCAL, parse_address
from tvmedge.profiling.sensors.energy import (
    Energy,
    Meter,
    NotMeasured,
    counted,
    measure_energy,
    meter,
)
from tvmedge.profiling.sensors.noise import noise, state
from tvmedge.profiling.sensors.reading import LocalReader, Reading, open_reader, parsed

Tree = dict[str, str]
RAPL: Tree = {
    "class/powercap/intel-rapl:0/name": "package-0",
    "class/powercap/intel-rapl:0/energy_uj": "1000",
    "class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
    "class/powercap/intel-rapl:0:0/name": "core",
    "class/powercap/intel-rapl:0:0/energy_uj": "999999",
}
INA: Tree = {
    "class/hwmon/hwmon0/name": "ina226",
    "class/hwmon/hwmon0/power1_input": "5000000",
}
RAILS: Tree = {
    "bus/iio/devices/iio:device0/name": "s2mpg12-odpm",
    "bus/iio/devices/iio:device0/energy_value": (
        "t=1000\nCH0(T=1000)[S10M_VDD_TPU], 500\nCH1(T=1000)[VSYS_PWR_MODEM], 70"
    ),
}
BATTERY: Tree = {
    "class/power_supply/BAT0/type": "Battery",
    "class/power_supply/BAT0/status": "Discharging",
    "class/power_supply/BAT0/current_now": "-500000",
    "class/power_supply/BAT0/voltage_now": "4000000",
}
CPU = "devices/system/cpu/cpu0"
CLOCKS: Tree = {
    f"{CPU}/cpufreq/scaling_cur_freq": "2400000",
    f"{CPU}/thermal_throttle/core_throttle_count": "3",
    "class/thermal/thermal_zone0/type": "cpu-thermal",
    "class/thermal/thermal_zone0/temp": "50000",
    "devices/platform/soc/soc:firmware/get_throttled": "50000",
}


@pytest.fixture
def sysfs(tmp_path: Path) -> Callable[[Tree], LocalReader]:
    """What reads a folder like / with these files in sys/; another call changes them."""

    def written(tree: Tree) -> LocalReader:
        for name, text in tree.items():
            path = tmp_path / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return LocalReader(tmp_path)

    return written


Sysfs = Callable[[Tree], LocalReader]


@pytest.mark.parametrize(
    ("tree", "provider", "scope", "counts"),
    [
        (RAPL | INA, "powercap", "package-0", 1000),
        (RAILS | INA, "ODPM", "S10M_VDD_TPU, VSYS_PWR_MODEM", 570),
        (
            {"class/hwmon/hwmon1/name": "macsmc", "class/hwmon/hwmon1/energy1_input": "9"},
            "hwmon",
            "macsmc",
            9,
        ),
    ],
)
def test_what_counts_energy_is_found(
    sysfs: Sysfs, tree: Tree, provider: str, scope: str, counts: int
) -> None:
    found = meter(sysfs(tree).read())
    assert isinstance(found, Meter) and found.counts is not None
    assert (found.provider, found.scope) == (provider, scope)
    assert sum(found.counts.values()) == counts


@pytest.mark.parametrize(
    ("tree", "provider", "microwatts"), [(INA, "hwmon", 5e6), (BATTERY, "power_supply", 2e6)]
)
def test_what_tells_power_is_found(
    sysfs: Sysfs, tree: Tree, provider: str, microwatts: float
) -> None:
    found = meter(sysfs(tree).read())
    assert isinstance(found, Meter) and found.counts is None
    assert (found.provider, found.microwatts) == (provider, microwatts)


def test_counted_energy_is_that_of_the_runs(sysfs: Sysfs) -> None:
    reader, made = sysfs(RAPL), list[int]()

    def run(count: int) -> None:
        made.append(count + 1)
        sysfs({"class/powercap/intel-rapl:0/energy_uj": str(1000 + 2000 * sum(made))})

    found = measure_energy(reader, run, milliseconds=1.0, seconds=0.02)
    assert isinstance(found, Energy)
    assert found.millijoules == pytest.approx(2.0)
    assert found.runs == sum(made) > 5


def test_a_counter_that_began_again_counts_on() -> None:
    first = Meter("powercap", "", {"a": 900}, {"a": 1000})
    assert counted(first, Meter("powercap", "", {"a": 50})) == 150
    assert counted(first, Meter("powercap", "", {"a": 950})) == 50


def test_power_is_summed_over_the_time(sysfs: Sysfs) -> None:
    inner, reads = sysfs(INA), threading.Semaphore(0)

    class Noted:
        def read(self) -> Reading:
            reads.release()
            return inner.read()

    def run(count: int) -> None:
        for _ in range(3):
            assert reads.acquire(timeout=60)

    found = measure_energy(Noted(), run, 100.0, seconds=0.4)
    assert isinstance(found, Energy) and found.provider == "hwmon"
    assert found.millijoules == pytest.approx(5000 * found.seconds / found.runs)


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ({}, "shows no meter"),
        (BATTERY | {"class/power_supply/BAT0/status": "Charging"}, "shows no meter"),
        (RAPL, "did not count anything"),
    ],
)
def test_there_is_a_reason_and_no_estimate(sysfs: Sysfs, tree: Tree, why: str) -> None:
    found = measure_energy(sysfs(tree), lambda count: None, 1.0, seconds=0.01)
    assert isinstance(found, NotMeasured) and why in found.why


def test_what_only_root_may_read_is_said() -> None:
    path = "sys/class/powercap/intel-rapl:0/energy_uj"
    found = meter(parsed(f"{path}\t!\n".encode()))
    assert found == NotMeasured(f"/{path} may be read by root only")


def test_a_board_that_stayed_the_same_is_not_flagged(sysfs: Sysfs) -> None:
    now = state(sysfs(CLOCKS).read())
    assert now.mhz == {"cpu0": 2400} and now.celsius == {"zone0 cpu-thermal": 50}
    assert now.throttled == {"cpu0": 3} and now.capped == 0x50000
    found = noise(now, now, latencies(1, 90))
    assert found.flags == () and found.unknown == ""


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({f"{CPU}/cpufreq/scaling_cur_freq": "1500000"}, "cpu0 went from 2400 to 1500 MHz"),
        ({f"{CPU}/thermal_throttle/core_throttle_count": "4"}, "cpu0 was throttled"),
        ({"class/thermal/thermal_zone0/temp": "71000"}, "from 50 to 71 degrees C"),
        ({"devices/platform/soc/soc:firmware/get_throttled": "50005"}, "holds its clock down"),
    ],
)
def test_a_board_that_changed_is_flagged(sysfs: Sysfs, change: Tree, flag: str) -> None:
    before = state(sysfs(CLOCKS).read())
    found = noise(before, state(sysfs(change).read()), latencies(1, 90))
    assert len(found.flags) == 1 and flag in found.flags[0]


def test_runs_that_drift_are_flagged_whatever_the_board_tells() -> None:
    slower = [*latencies(1, 40), *latencies(2, 40), *latencies(3, 40, 12.0)]
    found = noise(None, None, slower, "nobody asked")
    assert found.unknown == "nobody asked"
    assert len(found.flags) == 1 and "took 1.2" in found.flags[0]
    assert noise(None, None, latencies(1, 8)).flags == ()


def test_what_is_not_there_is_named(sysfs: Sysfs) -> None:
    nothing = state(sysfs({}).read())
    found = noise(nothing, nothing, latencies(1, 90))
    assert found.unknown == "the board does not tell its clocks, temperatures, throttling"


def test_an_emulator_has_no_sensors(tmp_path: Path) -> None:
    with open_reader(parse_address("emulated")) as reader:
        assert reader is None
    with open_reader(LOCAL, tmp_path) as reader:
        assert reader is not None and reader.read() == {}


def test_nonsense_of_a_board_is_no_reading() -> None:
    assert parsed(b"no tab\nsys/x\tvalue\nsys/y\t!\n") == {"sys/x": "value", "sys/y": None}
    assert len(parsed(b"a\tb\n" * 10)) == 1
    assert len(parsed(b"".join(b"%d\tx\n" % n for n in range(5000)))) == 1024
    assert meter({"sys/class/powercap/intel-rapl:0/energy_uj": "much"}) == NotMeasured(
        "the kernel shows no meter: powercap, hwmon, iio (ODPM) or a battery that discharges"
    )
