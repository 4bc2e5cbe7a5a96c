"""Costs that need no board: instructions under QEMU, and cycles by LLVM's models."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tuning.kernels import CHANNELS, convolution, written
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.costs.choose import boardless
from tvmedge.tuning.costs.counting import CountingBoard
from tvmedge.tuning.costs.cycles import Cycles
from tvmedge.tuning.costs.instructions import Instructions
from tvmedge.tuning.costs.kind import CostKind
from tvmedge.tuning.costs.source import CandidateError

TURNS = "for (int i = 0; i < %d; i++) x[i %% 32] += 1;"


def test_counts_are_exact(pi: TargetSpec, tmp_path: Path) -> None:
    """Each turn of a loop adds the same; emulators that ran other kernels before agree."""
    kernels = [written(TURNS % turns, pi, tmp_path) for turns in (1000, 2000, 3000)]
    with Instructions(pi, slots=1) as source:
        counts = [source.measure(kernel).value for kernel in kernels]
        assert source.measure(kernels[0]).value == counts[0]
    assert counts[1] - counts[0] == counts[2] - counts[1] > 1000
    board = CountingBoard(pi, seconds=10)
    try:
        assert [board.count(kernel) for kernel in (*kernels, *kernels)] == 2 * counts
    finally:
        board.close()


def test_counts_at_the_same_time_agree(pi: TargetSpec, tmp_path: Path) -> None:
    kernels = [written(TURNS % turns, pi, tmp_path) for turns in range(500, 506)]
    with Instructions(pi, slots=2) as source, ThreadPoolExecutor(source.slots) as threads:
        counts = [cost.value for cost in threads.map(source.measure, kernels)]
    assert len({after - before for before, after in itertools.pairwise(counts)}) == 1


def test_a_bad_candidate_leaves_the_source_usable(pi: TargetSpec, tmp_path: Path) -> None:
    """What crashes, hangs or does not load is said of the candidate, not of the board."""
    good = written(TURNS % 100, pi, tmp_path)
    with Instructions(pi, slots=1, seconds=2) as source:
        for body, reason in (
            ("*(volatile int *)8 = 1;", "crashed"),
            ("for (;;) x[0] += 1;", "no answer within 2 s"),
            ("extern void nowhere(void); nowhere();", "refused.*nowhere"),
            ('__asm__("mov x0, #3\\nmov x8, #93\\nsvc #0");', "ends the board"),
        ):
            with pytest.raises(CandidateError, match=reason):
                source.measure(written(body, pi, tmp_path))
            assert source.measure(good).value > 100


def test_cycles_of_a_chain(pi: TargetSpec, tmp_path: Path) -> None:
    """Dependent additions take their latency, independent ones their share of the unit."""
    body = "float %s = x[0]; for (int i = 0; i < 1000; i++) { %s } x[0] = %s;"
    chain = body % ("a", "a += 1.5f; a += 2.5f; a += 3.5f; a += 4.5f;", "a")
    free = body % ("a = x[1], b = x[2], c = x[3], d", "a++; b++; c++; d++;", "a + b + c + d")
    with Cycles(pi, slots=1) as source:
        assert source.name == "cycles cortex-a72 by llvm-mca cortex-a57 2"
        slow, fast = (source.measure(written(code, pi, tmp_path)).value for code in (chain, free))
        # Latency of an addition on this model is 5 cycles, two start in a cycle.
        assert slow == pytest.approx(4 * 5 * 1000, rel=0.05)
        assert fast == pytest.approx(5 * 1000, rel=0.05)
        again = source.measure(convolution(pi, size=6))
    with Cycles(pi, slots=1) as source:
        assert source.measure(convolution(pi, size=6)) == again
    assert again.value >= 36 * CHANNELS * CHANNELS / 4  # a multiply-add a cycle


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(InputError, match="no model of cortex-a7"):
        boardless(CostKind.MODEL, target("raspberry-pi-2"))
    spec = target("host")
    if "avx512f" in spec.features:
        with pytest.raises(InputError, match="AVX-512"):
            boardless(CostKind.INSTRUCTIONS, spec)
