"""Single kernels under qemu-hexagon: results, exact counts, crashes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.hexagon_kernels import VECTOR, build, bytes_sum, hexagon, run
from tvmedge.boards.kernel_board import KernelFailedError
from tvmedge.device.zig import zig_cc
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import SYMBOL, Argument, BuiltCandidate
from tvmedge.tuning.costs.packet_board import PacketBoard


def written(body: str, spec: TargetSpec, folder: Path, head: str = "") -> BuiltCandidate:
    """A kernel of C: ``body`` of a function of one tensor ``int *x``, ``head`` before it."""
    code, made = folder / "kernel.c", folder / "kernel.o"
    code.write_text(f"{head}void {SYMBOL}(volatile int *x) {{ {body} }}\n", encoding="ascii")
    flags = ["-target", spec.toolchain.triple, *spec.toolchain.flags, "-O1", "-c"]
    zig_cc([*flags, "-fno-sanitize=all", str(code), "-o", str(made)], "a test kernel")
    return BuiltCandidate(made.read_bytes(), str(spec.tvm["mtriple"]), (Argument((32,), "int32"),))


def test_vectors_are_computed_and_counted() -> None:
    """A row is two loads, an addition and a store, and a packet holds at most four."""
    spec, rows = hexagon(), 64
    rng = np.random.default_rng(rows)
    a, b = (rng.integers(0, 255, (rows, VECTOR)).astype(np.uint8) for _ in range(2))
    kernel = build(bytes_sum(rows), spec)
    ran = run(kernel, [a, b], spec)
    np.testing.assert_array_equal(ran.output, a + b)
    assert PacketBoard(spec, 60).count(kernel) == ran.counts
    assert ran.counts.vector_instructions >= 4 * rows
    assert ran.counts.packets < ran.counts.instructions <= 4 * ran.counts.packets


def test_counts_are_exact(tmp_path: Path) -> None:
    """Each turn of a loop adds the same."""
    spec = hexagon()
    body = '_Pragma("nounroll") for (int i = 0; i < %d; i++) x[i & 31] += i;'
    counts = [
        PacketBoard(spec, 60).count(written(body % turns, spec, tmp_path))
        for turns in (2000, 3000, 4000)  # a constant of more bits is another instruction
    ]
    for few, some, many in zip(*((c.packets, c.instructions) for c in counts), strict=True):
        assert many - some == some - few > 1000


@pytest.mark.parametrize(
    ("body", "reason", "seconds"),
    [
        ("*(volatile int *)8 = 1;", "crashed", 60),
        ("for (;;) x[0] += 1;", "no answer within 1 s", 1),
    ],
)
def test_a_bad_kernel_is_named(body: str, reason: str, seconds: float, tmp_path: Path) -> None:
    spec = hexagon()
    with pytest.raises(KernelFailedError, match=reason):
        PacketBoard(spec, seconds).count(written(body, spec, tmp_path))
    assert PacketBoard(spec, 60).count(written("x[0] = 1;", spec, tmp_path)).packets > 0


WRITE = """\
static void packets(unsigned count) {  /* c20, which no assembler knows, = r0 */
  register unsigned r0 __asm__("r0") = count;
  __asm__ volatile(".word 0x6220c014" :: "r"(r0));
}
"""


def test_counters_that_wrap_go_on(tmp_path: Path) -> None:
    """Counts are differences, whichever side of 2**32 the 32-bit counters are on; of more than
    that because an alarm looks at them in between."""
    spec = hexagon()
    board = PacketBoard(spec, 60)
    body = "for (int i = 0; i < 100000; i++) x[i & 31] += i;"
    plain = board.count(written(body, spec, tmp_path))
    head = WRITE + "__attribute__((constructor)) static void near(void) { packets(-100000); }\n"
    assert board.count(written(body, spec, tmp_path, head)) == plain
    assert plain.packets > 100000
    turns = """\
extern int raise(int);
static void turns(void) { for (int i = 1; i <= 4; i++) { packets(i * 0x60000000u); raise(14); } }
"""
    far = board.count(written("turns();", spec, tmp_path, WRITE + turns)).packets
    assert far == pytest.approx(4 * 0x60000000, rel=0.3) and far > 1 << 32


def test_an_alarm_leaves_a_kernel_as_it_was(tmp_path: Path) -> None:
    """One every few milliseconds, in the middle of sums and of a hardware loop."""
    spec = hexagon()
    head = """\
#include <sys/time.h>
static void often(void) {
  struct itimerval every = {{0, 3000}, {0, 3000}};
  setitimer(ITIMER_REAL, &every, 0);
}
"""
    body = "int s = 0; for (int i = 0; i < 3000000; i++) s += (s ^ i) & x[i & 31]; x[0] = s;"
    given = np.arange(1000, 1032, dtype=np.int32)
    results = [
        PacketBoard(spec, 60).run(written(begin + body, spec, tmp_path, head), [given.tobytes()])
        for begin in ("", "often();")
    ]
    calm, alarmed = results
    assert alarmed.tensors == calm.tensors
    assert 1 < alarmed.counts.packets / calm.counts.packets < 1.2
