"""Bytes near each other become vectors that are shuffled, which give the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray
from tvm import tirx
from tvm.ir.expr import TensorLoad
from tvm.script import tirx as T
from tvm_ffi import structural_walk

from tvmedge.compiler.library.hvx_gathers import HvxGathers

Array = NDArray[np.int64]
LANES = 128


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def every_second_pixel(x: T.Buffer((4096,), "uint8"), y: T.Buffer((128,), "uint8")) -> None:
    for i in range(8):
        y[T.Ramp(0, 1, 128)] = x[
            T.Broadcast(i * 64, 128)
            + T.Ramp(0, 1, 128) // T.Broadcast(32, 128) * T.Broadcast(64, 128)
            + T.Ramp(0, 1, 128) % T.Broadcast(32, 128)
        ]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def three_planes(x: T.Buffer((4096,), "uint8"), y: T.Buffer((128,), "uint8")) -> None:
    for i in range(8):
        y[T.Ramp(0, 1, 128)] = x[
            T.min(T.Ramp(0, 1, 128) % T.Broadcast(4, 128), T.Broadcast(2, 128))
            * T.Broadcast(1000, 128)
            + T.Ramp(i * 128, 1, 128) // T.Broadcast(4, 128)
        ]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def every_third(x: T.Buffer((4096,), "int8"), y: T.Buffer((128,), "int8")) -> None:
    for i in range(8):
        y[T.Ramp(0, 1, 128)] = x[T.Ramp(i * 3, 3, 128)]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def each_four_times(x: T.Buffer((4096,), "uint8"), y: T.Buffer((128,), "uint8")) -> None:
    for i in range(8):
        y[T.Ramp(0, 1, 128)] = x[T.Ramp(i * 128, 1, 128) // T.Broadcast(4, 128)]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def far_apart(x: T.Buffer((65536,), "uint8"), y: T.Buffer((128,), "uint8")) -> None:
    for i in range(8):
        y[T.Ramp(0, 1, 128)] = x[T.Ramp(i, 500, 128)]


@T.prim_func(private=True)  # type: ignore[untyped-decorator]
def of_few(x: T.Buffer((130,), "uint8"), y: T.Buffer((64,), "uint8")) -> None:
    for i in range(2):
        y[T.Ramp(0, 1, 64)] = x[T.Ramp(i, 2, 64)]


def _lanes(expr: tvm.ir.Expr, memory: Array, turn: int) -> Array:
    """The numbers of ``expr`` where the loop variable is ``turn`` and ``x`` holds ``memory``."""
    match expr:
        case tirx.IntImm():
            made = np.array([int(expr)])
        case tirx.Var():
            made = np.array([turn])
        case tirx.Broadcast():
            made = np.repeat(_lanes(expr.value, memory, turn), int(expr.lanes))
        case tirx.Ramp():
            steps = int(expr.stride) * np.arange(int(expr.lanes))
            made = _lanes(expr.base, memory, turn) + steps
        case TensorLoad():
            places = _lanes(expr.indices[0], memory, turn)
            assert places.min() >= 0
            made = memory[places]
        case tirx.Shuffle():
            whole = np.concatenate([_lanes(vector, memory, turn) for vector in expr.vectors])
            made = whole[[int(place) for place in expr.indices]]
        case tvm.ir.Call():
            made = _called(expr, memory, turn)
        case _:
            left, right = (_lanes(operand, memory, turn) for operand in (expr.a, expr.b))
            made = np.asarray(_NUMPY[type(expr).__name__](left, right))
    return np.asarray(made)


_NUMPY = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Min": np.minimum,
    "FloorDiv": np.floor_divide,
    "FloorMod": np.mod,
    "BitwiseAnd": np.bitwise_and,
}


def _called(call: tvm.ir.Call, memory: Array, turn: int) -> Array:
    """Instructions of HVX as its manual has them, on bytes."""
    name, arguments = str(call.op.name), list(call.args)
    if name == "tirx.call_llvm_pure_intrin":
        number = int(arguments[0])
        name = str(tvm.get_global_func("target.llvm_get_intrinsic_name")(number))
        arguments = [a for a in arguments[1:] if not (isinstance(a, int))]
    values = [_lanes(argument, memory, turn) for argument in arguments]
    if "reinterpret" in name:
        return values[0]
    if "vectorlow" in name:
        return values[0][: values[0].size // 2]
    if "vror" in name:
        return np.roll(values[0], -int(values[1][0]))
    if "valignb" in name:
        begin = int(values[2][0]) % LANES
        return np.concatenate([values[1], values[0]])[begin : begin + LANES]
    assert "vdealvdd" in name and int(values[2][0]) == -32
    pixels = np.concatenate([values[1], values[0]]).reshape(-1, 32)
    return np.concatenate([pixels[::2].reshape(-1), pixels[1::2].reshape(-1)])


def _stored(function: tirx.PrimFunc) -> tvm.ir.Expr:
    found: list[tirx.BufferStore] = []
    structural_walk(function.body, (tirx.BufferStore, found.append))
    return found[0].value


def _gathers(value: tvm.ir.Expr) -> list[TensorLoad]:
    found: list[TensorLoad] = []
    structural_walk(value, (TensorLoad, found.append))
    return [
        load
        for load in found
        if load.ty.dtype.lanes > 1
        and not (isinstance(load.indices[0], tirx.Ramp) and int(load.indices[0].stride) == 1)
    ]


def _after(function: tirx.PrimFunc) -> tirx.PrimFunc:
    return HvxGathers()(tvm.IRModule({"main": function}))["main"]


@pytest.mark.parametrize(
    "function", [every_second_pixel, three_planes, every_third, each_four_times, of_few]
)
def test_the_same_bytes_without_a_gather(function: tirx.PrimFunc) -> None:
    memory = np.random.default_rng(0).integers(0, 256, 8192)
    before, after = _stored(function), _stored(_after(function))
    assert _gathers(before) and not _gathers(after)
    for turn in range(8):
        wanted = _lanes(before, memory, turn)
        np.testing.assert_array_equal(_lanes(after, memory, turn), wanted)


def test_bytes_beyond_the_wanted_ones_are_not_read() -> None:
    """But for those of a vector around them, which belongs to the tensor's memory."""
    for function in (every_second_pixel, three_planes, every_third):
        wanted = _lanes(_stored(function).indices[0], np.arange(8192), 0)
        loads: list[TensorLoad] = []
        structural_walk(_stored(_after(function)), (TensorLoad, loads.append))
        read = np.concatenate([_lanes(load.indices[0], np.arange(8192), 0) for load in loads])
        assert read.min() >= wanted.min() and read.max() <= wanted.max()


def test_bytes_far_apart_stay() -> None:
    assert _gathers(_stored(_after(far_apart)))
