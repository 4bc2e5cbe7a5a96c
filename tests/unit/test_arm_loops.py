"""Innermost loops found in AArch64 assembly."""

from __future__ import annotations

from scripts.arm.loops import innermost

ASSEMBLY = """\
first:
	.cfi_startproc
	mov	x8, #0
.LBB0_1:                                // outer
	str	q0, [sp, #16]
.LBB0_2:
	ldp	q1, q2, [x1], #32
	fmla	v0.4s, v1.4s, v2.s[0]           // the only one
	subs	x0, x0, #1
	b.ne	.LBB0_2
	cbz	x8, .LBB0_1
	b	.LBB0_9
.LBB0_9:
	ret
second:                                 // @second
.LBB1_1:
	ldr	q3, [sp, #32]
	bl	memcpy
	ldr	x9, [sp, #8]
	tbnz	w9, #0, .LBB1_1
	ret
"""


def test_only_the_innermost_loops_are_found() -> None:
    first, second = innermost(ASSEMBLY)
    assert (first.function, second.function) == ("first", "second")
    assert first.instructions[0] == "ldp\tq1, q2, [x1], #32"
    assert first.instructions[-1] == "b.ne\t.LBB0_2"
    assert (first.multiply_adds, first.spills, first.calls) == (1, 0, 0)
    assert (second.multiply_adds, second.spills, second.calls) == (0, 2, 1)


def test_a_loop_with_two_ways_back_is_one_loop() -> None:
    (loop,) = innermost("f:\n.LBB0_1:\n\tcbz\tx0, .LBB0_1\n\tfmla\tv0, v1, v2\n\tb\t.LBB0_1\n")
    assert len(loop.instructions) == 3


def test_a_way_back_to_the_end_is_no_loop() -> None:
    assert innermost("f:\n.LBB0_1:\n\tmov\tx0, x1\n\tret\n\tmov\tx0, x2\n\tb\t.LBB0_1\n") == []


def test_nothing_loops() -> None:
    assert innermost("f:\n\tb\t.LBB0_1\n.LBB0_1:\n\tret\n") == []
