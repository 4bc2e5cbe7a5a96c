"""Bytes reach memory as vectors: what each kind of store becomes."""

from __future__ import annotations

import pytest
import tvm
from tvm import tirx
from tvm.script import tirx as T
from tvm_ffi import structural_walk

from tests.hexagon_kernels import assembly, build
from tvmedge.compiler.library.hvx_stores import HvxStores
from tvmedge.targeting import target


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def copied(x: T.Buffer((256,), "uint8"), y: T.Buffer((256,), "uint8")) -> None:
    y[T.Ramp(128, 1, 128)] = x[T.Ramp(0, 1, 128)]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def filled(x: T.Buffer((256,), "int8"), y: T.Buffer((256,), "int8")) -> None:
    y[T.Ramp(128, 1, 128)] = T.Broadcast(T.int8(-7), 128)


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def narrowed(x: T.Buffer((256,), "int32"), y: T.Buffer((256,), "uint8")) -> None:
    y[T.Ramp(32, 1, 32)] = T.Cast("uint8x32", x[T.Ramp(0, 1, 32)])


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def moved(x: T.Buffer((256,), "uint8"), y: T.Buffer((256,), "uint8")) -> None:
    y[T.Ramp(160, 1, 32)] = x[T.Ramp(32, 1, 32)]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def moved_anywhere(x: T.Buffer((256,), "uint8"), y: T.Buffer((1024,), "uint8")) -> None:
    for i in range(4):
        y[T.Ramp(i * 50, 1, 32)] = x[T.Ramp(i * 32 + 7, 1, 32)]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def of_either(x: T.Buffer((256,), "uint8"), y: T.Buffer((1024,), "uint8")) -> None:
    for i in range(4):
        y[T.Ramp(i * 128, 1, 128)] = T.if_then_else(
            i < 2, x[T.Ramp(0, 1, 128)], x[T.Ramp(128, 1, 128)]
        )


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def piece_of_either(x: T.Buffer((256,), "uint8"), y: T.Buffer((1024,), "uint8")) -> None:
    for i in range(4):
        y[T.Ramp(i * 128, 1, 32)] = T.if_then_else(
            i < 2, x[T.Ramp(0, 1, 32)], x[T.Ramp(128, 1, 32)]
        )


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def of_numbers(x: T.Buffer((256,), "int32"), y: T.Buffer((256,), "int32")) -> None:
    y[T.Ramp(32, 1, 32)] = x[T.Ramp(0, 1, 32)]


def _instructions(function: tirx.PrimFunc) -> list[str]:
    """The intrinsics that a function's statements call, in order."""
    after = HvxStores()(tvm.IRModule({"main": function}))["main"]
    return [
        name.removeprefix("llvm.hexagon.V6.").removesuffix(".128B")
        for name in after.script().split('"')
        if name.startswith("llvm.hexagon.V6.")
    ]


@pytest.mark.parametrize(
    ("function", "store"),
    [
        (copied, ["vassign"]),
        (filled, ["lvsplatw"]),
        (narrowed, ["vS32b.qpred.ai", "vandvrt", "vror", "vror", "vpackeb", "vpackeh", "vpackeh"]),
        (moved, ["vS32b.qpred.ai", "vandvrt", "vror", "vror"]),
        (of_either, ["vassign"]),
        (piece_of_either, 2 * ["vS32b.qpred.ai", "vandvrt", "vror", "vror"]),
        (of_numbers, []),
    ],
)
def test_each_kind_of_store(function: tirx.PrimFunc, store: list[str]) -> None:
    assert [name for name in _instructions(function) if name in {*store, "vassign"}] == store


def test_pieces_that_may_lie_in_two_vectors() -> None:
    """They are loaded from both and stored to both."""
    names = _instructions(moved_anywhere)
    assert names.count("vS32b.qpred.ai") == 2
    assert {"valignb", "pred.and", "pred.and.n"} <= {*names}


def test_a_code_below_zero_fills_bytes() -> None:
    after = HvxStores()(tvm.IRModule({"main": filled}))["main"]
    words: list[tirx.IntImm] = []
    structural_walk(after.body, (tirx.IntImm, words.append))
    assert int.from_bytes(bytes([249] * 4), "little", signed=True) in map(int, words)


def test_no_copy_by_libc() -> None:
    """Which moves eight bytes a packet."""
    spec = target("hexagon-v67")
    for function in (copied, filled):
        code = assembly(build(function, spec), spec)
        assert "vmem" in code and "memcpy" not in code and "memset" not in code
