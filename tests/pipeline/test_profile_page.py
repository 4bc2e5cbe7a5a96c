"""A profile's page in a real browser, and its trace by the rules of the format."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import Browser
from tests.tuning.test_report_in_browser import OVERLAPS
from tvmedge.boards.address import parse_address
from tvmedge.profiling.latency import Profile, Wanted, profile_bundle
from tvmedge.profiling.memory import MemoryWatch
from tvmedge.profiling.repeat import Repetition
from tvmedge.profiling.report import report
from tvmedge.profiling.sensors.energy import Energy
from tvmedge.profiling.sensors.noise import Noise
from tvmedge.profiling.trace import trace

WANTED = Wanted(per_op=True, memory_over_time=True, energy=False)
LOST = {"ssh://pi": "lost: it is <off> & gone"}


@pytest.fixture(scope="module")
def profile(bundles: dict[str, Path]) -> Profile:
    """A real one, of this machine."""
    return profile_bundle(bundles["host"], Repetition(runs=20), wanted=WANTED)


@pytest.fixture(scope="module")
def other(profile: Profile) -> Profile:
    """The same as another board would have it."""
    flags = ("cpu0 went from 2400 to 1500 MHz",)
    return replace(
        profile,
        board=parse_address("ssh://b"),
        memory=(),
        energy=Energy(1.5, "hwmon", "ina226", 100, 2.0),
        noise=Noise(None, None, flags),
    )


@pytest.mark.parametrize("width", [1000, 600])
def test_the_page_is_drawn(
    browser: Browser, profile: Profile, other: Profile, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "p.html"
    file.write_text(report([profile, other], LOST), encoding="utf-8")
    with browser.page(file.as_uri(), width) as page:
        page.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.complaints == []
        assert page.requests == [file.as_uri()]
        assert page.ask("document.title") == "net for host, profiled"
        assert page.ask("document.documentElement.scrollWidth") <= width
        assert page.ask(OVERLAPS) == []
        assert page.ask("document.querySelectorAll('svg').length") == 3 + 4
        text = page.ask("document.body.innerText")
        for wanted in (
            "lost: it is <off> & gone",
            "1.500 mJ a run",
            "1500 MHz",
            "it was not asked",
        ):
            assert wanted in text
        assert profile.per_op is not None
        rows = page.ask("document.querySelectorAll('details')[0].querySelectorAll('tr').length")
        assert rows == 1 + len(profile.per_op.operators)
        calls = page.ask("document.querySelectorAll('svg')[2].querySelectorAll('rect').length")
        assert calls == len(profile.per_op.timeline)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    colours = {colour for _, colour in shot.getcolors(1 << 20) or []}
    assert (9, 105, 218) in colours  # of what computes


def test_a_page_of_nothing_but_loss(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "p.html"
    file.write_text(report([], LOST), encoding="utf-8")
    with browser.page(file.as_uri()) as page:
        assert page.complaints == []
        assert "lost: it is <off> & gone" in page.ask("document.body.innerText")


def test_the_trace_is_in_the_format(profile: Profile, other: Profile) -> None:
    """Trace Event Format: every event a phase, a process, a thread, a time in microseconds;
    complete events of a thread do not overlap; counters have numbers."""
    document = json.loads(json.dumps(trace([profile, other]), allow_nan=False))
    events = document["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "C"}
    for event in events:
        assert {"name", "ph", "pid", "tid", "ts"} <= set(event) and event["ts"] >= 0
    assert profile.per_op is not None
    for number in (1, 2):
        mine = [event for event in events if event["pid"] == number]
        complete = [event for event in mine if event["ph"] == "X"]
        assert len(complete) == len(profile.per_op.timeline)
        for one, following in itertools.pairwise(complete):
            assert one["ts"] + one["dur"] <= following["ts"] + 1e-6
        named = [event["args"]["name"] for event in mine if event["ph"] == "M"]
        assert named == [f"net on {(profile, other)[number - 1].board}", "kernels"]
    counters = [event for event in events if event["ph"] == "C"]
    assert len(counters) == len(profile.memory) > 0
    assert all(event["args"]["MB"] > 0 for event in counters)


def test_memory_is_watched_from_the_start(profile: Profile) -> None:
    seconds = [point.seconds for point in profile.memory]
    assert seconds == sorted(seconds)
    with MemoryWatch(2**22 + 1) as nobody:
        pass
    assert nobody.points == ()
