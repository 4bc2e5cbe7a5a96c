"""Kernels of a run: their sums, shares, roles, and how near the roofline they are."""

from __future__ import annotations

import itertools
import struct
from types import SimpleNamespace

import pytest

from tvmedge.boards import kernel_times
from tvmedge.boards.kernel_times import Stopwatch, collected, decoded
from tvmedge.bundle import CodeInfo, Form
from tvmedge.errors import BoardError
from tvmedge.profiling.per_op import PerOp, Role, operators_of, per_op
from tvmedge.profiling.roofline import Roofline, measured_roofline, stated_roofline
from tvmedge.targeting import target
from tvmedge.types import CallTimes, Counts, CpuKernel, DeviceKind, KernelCost, KernelCounts

KERNELS = (
    KernelCost("fused_conv_add", "conv", 4_000_000, 1_000),
    KernelCost("pack", "move", 0, 2_000_000),
    KernelCost("odd", "last", 500, None),
    KernelCost("lstm", "", None, 10),
)
CODE = CodeInfo(
    "code/model.so",
    Form.VM,
    (),
    4,
    0,
    on_cpu=(CpuKernel("lstm", 1, 1),),
    kernels=KERNELS,
)
TIMES = CallTimes(
    ("pack", "fused_conv_add", "odd", "fused_conv_add", "lstm", "vm.builtin.alloc_storage"),
    ((1.0, 2.0, 0.5, 2.0, 0.25, 0.25), (1.0, 4.0, 0.5, 2.0, 0.25, 0.25)) * 2
    + ((1.0, 3.0, 0.5, 2.0, 0.25, 0.25),),
)
ROOF = Roofline(2e9, 1e9, "given")


def test_calls_are_summed_by_kernel() -> None:
    found = per_op(TIMES, CODE, ROOF)
    conv = found.operators[0]
    assert (conv.kernel, conv.calls, conv.milliseconds) == ("fused_conv_add", 2, 5.0)
    assert conv.samples_ms == (4.0, 6.0, 4.0, 6.0, 5.0)
    assert conv.operations == 8_000_000 and conv.gops == pytest.approx(1.6)
    assert sum(one.share for one in found.operators) == pytest.approx(1)
    assert found.total_ms == pytest.approx(7.0) and found.runs == 5
    assert [one.milliseconds for one in found.operators] == sorted(
        (one.milliseconds for one in found.operators), reverse=True
    )


def test_roles_are_called_out() -> None:
    found = per_op(TIMES, CODE, ROOF)
    roles = {one.kernel: one.role for one in found.operators}
    assert roles == {
        "fused_conv_add": Role.COMPUTES,
        "pack": Role.MOVES,
        "odd": Role.FALLBACK,
        "lstm": Role.BESIDE,
        "vm.builtin.alloc_storage": Role.RUNTIME,
    }
    assert found.share(Role.MOVES) == pytest.approx(1 / 7)
    assert found.share(Role.FALLBACK, Role.BESIDE) == pytest.approx(0.75 / 7)


def test_the_nearer_bound_decides() -> None:
    by_name = {one.kernel: one for one in per_op(TIMES, CODE, ROOF).operators}
    assert by_name["fused_conv_add"].roofline == pytest.approx(4.0 / 5.0)  # arithmetic
    assert by_name["pack"].roofline == pytest.approx(2.0)  # memory, out of a cache
    assert by_name["odd"].roofline == pytest.approx(500 / 2e9 * 1e3 / 0.5)
    assert by_name["vm.builtin.alloc_storage"].roofline is None
    assert Roofline(None, None, "").fraction(1, 1, 1.0) is None


def test_the_timeline_has_every_call() -> None:
    spans = per_op(TIMES, CODE, ROOF).timeline
    assert [span.kernel for span in spans] == list(TIMES.kernels)
    for one, other in itertools.pairwise(spans):
        assert other.start_ms == pytest.approx(one.start_ms + one.milliseconds)


def test_counts_decide_where_there_are_some() -> None:
    counts = (
        KernelCounts("pack", Counts(10, 30)),
        KernelCounts("fused_conv_add", Counts(10, 5)),
        KernelCounts("fused_conv_add", Counts(10, 5)),
    )
    found = per_op(TIMES, CODE, ROOF, counts)
    assert found.counted == "packets"
    assert [(one.kernel, one.share) for one in found.operators[:2]] == [
        ("pack", 0.75),
        ("fused_conv_add", 0.25),
    ]
    assert all(one.roofline is None for one in found.operators)
    assert per_op(TIMES, CODE, ROOF, (KernelCounts("pack", Counts(7)),)).counted == "instructions"


def test_nothing_has_no_shares() -> None:
    found: PerOp = per_op(CallTimes((), ((), ())), CODE, ROOF)
    assert found.operators == () and found.timeline == () and found.total_ms == 0
    assert operators_of("fused_conv2_add6_tir_clip3") == ("conv", "add", "clip")


def test_times_of_a_board_are_read_strictly() -> None:
    entry = struct.pack("<dH", 1.5, 4) + b"conv"
    assert decoded(entry * 2) == [("conv", 1.5)] * 2
    for cut in range(1, len(entry)):
        with pytest.raises(BoardError, match="half a call"):
            decoded(entry[:cut])
    with pytest.raises(BoardError, match="different kernels"):
        collected([[("a", 1.0)], [("b", 1.0)]])


def test_time_inside_of_a_call_is_not_the_caller_s(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0, 1_000_000, 4_000_000, 5_000_000))
    monkeypatch.setattr(kernel_times, "time", SimpleNamespace(perf_counter_ns=lambda: next(clock)))
    waited: list[int] = []
    watch = Stopwatch(lambda: waited.append(1))
    watch(None, "outer", True)
    watch(None, "inner", True)
    watch(None, "inner", False, None)
    watch(None, "outer", False, None)
    assert watch.taken() == [("inner", 3.0), ("outer", 2.0)]
    assert watch.taken() == [] and len(waited) == 2


def test_what_a_target_states() -> None:
    pi = stated_roofline(target("raspberry-pi-5"), DeviceKind.CPU, 2)
    assert pi.operations == pytest.approx(2 * 2.4e9 * 2 * 2 * 4) and "2 threads" in pi.source
    assert stated_roofline(target("raspberry-pi-4b"), DeviceKind.CPU, None).operations is None
    assert stated_roofline(target("jetson-orin"), DeviceKind.CPU, None).bytes == 204.8e9
    gpu = stated_roofline(target("mali-g610"), DeviceKind.OPENCL, None)
    assert gpu.operations is None and "states no peak" in gpu.source


def test_this_machine_is_measured() -> None:
    found = measured_roofline(1)
    assert found.operations is not None and 1e8 < found.operations < 1e13
    assert found.bytes is not None and 1e7 < found.bytes < 1e13
