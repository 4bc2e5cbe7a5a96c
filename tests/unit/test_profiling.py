"""Samples and what they say: intervals, when to stop, differences, budgets, compared files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvmedge.cli import main
from tvmedge.errors import InputError
from tvmedge.profiling.compare import compare_profiles, read_profile
from tvmedge.profiling.repeat import Repetition, sample
from tvmedge.profiling.statistics import difference, holm, median_interval, percentile


def latencies(seed: int, count: int, median: float = 10.0, spread: float = 0.01) -> list[float]:
    generator = random.Random(seed)
    return [median * generator.lognormvariate(0, spread) for _ in range(count)]


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1e3), min_size=6, max_size=60))
def test_the_median_lies_in_its_interval(samples: list[float]) -> None:
    interval, median = median_interval(samples), percentile(samples, 50)
    rounding = 1e-12 * median  # of what is interpolated between equal samples
    assert interval.low - rounding <= median <= interval.high + rounding


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    held = 0
    for seed in range(400):
        interval = median_interval(latencies(seed, 40))
        held += interval.low <= 10.0 <= interval.high
    assert held / 400 > 0.93


class Board:
    """Times runs that take what a list says; counts how many were asked for."""

    def __init__(self, spread: float) -> None:
        self.generator, self.spread, self.asked = random.Random(1), spread, list[int]()

    def __call__(self, count: int) -> tuple[float, ...]:
        self.asked.append(count)
        return tuple(0.01 * self.generator.lognormvariate(0, self.spread) for _ in range(count))


def test_steady_runs_settle_at_once_and_noisy_ones_take_more() -> None:
    steady, noisy = Board(0.001), Board(0.3)
    assert sample(steady, Repetition()).settled
    found = sample(noisy, Repetition())
    assert found.settled
    assert len(steady.asked) == 2
    assert len(found.milliseconds) > 100


def test_a_limit_ends_what_does_not_settle() -> None:
    found = sample(Board(2.0), Repetition(precision=1e-6, most=200))
    assert not found.settled
    assert len(found.milliseconds) == 200
    assert len(sample(Board(0.1), Repetition(runs=7)).milliseconds) == 7


@pytest.mark.parametrize(
    ("factor", "significant"), [(1.0, False), (0.9, True), (1.1, True)], ids=["same", "-", "+"]
)
def test_a_difference_is_told_from_chance(factor: float, significant: bool) -> None:
    found = difference(latencies(1, 200), latencies(2, 200, 10 * factor))
    assert found.significant == significant
    assert found.interval.low <= found.ratio <= found.interval.high
    assert found.ratio == pytest.approx(factor, rel=0.02)


def document(samples: list[float], **others: Any) -> str:
    fields: dict[str, Any] = {
        "schema_version": "1.0",
        "verb": "profile",
        "model": "net",
        "target": "host",
        "board": "local",
        "emulated": False,
        "cold_start_ms": 100.0,
        "memory_kib": 2048,
        "latency": {"samples_ms": samples, "p50_ms": 1.0},
        "check": {"ok": True},
    }
    return json.dumps(fields | others)


def test_two_files_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(document(latencies(1, 100)))
    b.write_text(document(latencies(2, 100, 8.0), target="raspberry-pi-5"))
    assert main(["compare", str(a), str(b), "--json"]) == 0
    printed = capsys.readouterr()
    assert "B is faster: B takes 0.8" in printed.err
    assert "Warning: target differs: host and raspberry-pi-5." in printed.err
    assert json.loads(printed.out)["latency"]["significant"] is True
    assert not compare_profiles(a, a).latency.significant


def kernels(**medians: float) -> dict[str, Any]:
    """A profile's kernels, each timed 20 times around a median."""
    found = [
        {"kernel": name, "share": 0.1, "samples_ms": latencies(hash_of(name), 20, median)}
        for name, median in medians.items()
    ]
    return {"kernels": found}


def hash_of(name: str) -> int:
    return sum(name.encode())


def test_kernels_are_compared_as_a_family(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    energy = {"measured": True, "millijoules_per_run": 2.0}
    before, after = kernels(conv=1.0, pool=1.0, gone=1.0), kernels(conv=0.8, pool=1.0, new=1.0)
    for one in after["kernels"]:
        one["samples_ms"] = one["samples_ms"][::-1]
    a.write_text(document(latencies(1, 20), per_op=before, energy=energy, bundle_bytes=2**20))
    b.write_text(document(latencies(2, 20), per_op=after, energy=energy, bundle_bytes=2**21))
    assert main(["compare", str(a), str(b), "--json"]) == 0
    printed = capsys.readouterr()
    assert "1 of 2 kernels that both have differ significantly" in printed.err
    assert "Bundle, MB: 1 and 2, one figure each" in printed.err
    assert "Energy, mJ: 2 and 2" in printed.err
    found = {one["kernel"]: one for one in json.loads(printed.out)["kernels"]}
    assert found["conv"]["significant"] and not found["pool"]["significant"]
    assert found["conv"]["ratio"] == pytest.approx(0.8, rel=0.02)
    assert json.loads(printed.out)["kernels_of_one_only"] == 2


def test_many_tests_make_chance_finds_and_are_corrected() -> None:
    """Of 100 tests without any difference one is below 1 % as a rule."""
    family = {f"k{n}": (n + 1) / 100 for n in range(100)} | {"k0": 0.009}
    assert holm(family) == set()
    assert holm(family | {"real": 1e-5}) == {"real"}
    assert holm({"a": 0.009}) == {"a"}
    assert holm({"a": 0.001, "b": 0.009, "c": 0.5}) == {"a"}
    assert holm({}) == set()


def test_a_profile_of_several_boards_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"boards": [{"board": "ssh://a"}, {"board": "ssh://b"}]}))
    with pytest.raises(InputError, match="several boards \\(ssh://a, ssh://b\\)"):
        read_profile(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no file"),
        ("{}", "missing required field"),
        (document([1.0], verb="run"), "it is a 'run' of 1.0"),
        (document([1.0], schema_version="2.0"), "it is a 'profile' of 2.0"),
        (document([]), "no times"),
        (document([1.0, -1.0]), "no times"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_profile(path)
    with pytest.raises(InputError, match="Cannot read"):
        read_profile(tmp_path / "none.json")
