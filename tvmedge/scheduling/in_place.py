"""Which arguments of a kernel may lie in the memory of its result.

for i: y[i] = max(sum[i] + x[i], 0)        y may be x: each element is read last where
                                           its successor is written
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm import ir, s_tir, tirx
from tvm.ir.expr import TensorLoad
from tvm.tirx.buffer import BufferType
from tvm_ffi import structural_equal, structural_walk


def replaceable(func: tirx.PrimFunc) -> dict[int, frozenset[int]]:
    """By the index of a parameter that ``func`` writes: those of the parameters, of its
    shape and dtype, that may be the same tensor.

    Such a parameter is read in one block only, at the very element that the block then
    writes, and the block writes each element once.
    """
    uses = _Uses(func)
    result = {}
    for index, param in enumerate(func.params):
        store = uses.only_store(param)
        if store is None or not _covers_once(func, store, param):
            continue
        alike = frozenset(
            place
            for place, other in enumerate(func.params)
            if place != index and _alike(param, other) and uses.read_only_by(store, other)
        )
        if alike:
            result[index] = alike
    return result


class _Uses:
    """Where a kernel reads and writes its parameters."""

    def __init__(self, func: tirx.PrimFunc) -> None:
        self.stores: list[tirx.BufferStore] = []
        self.loads: list[TensorLoad] = []
        structural_walk(
            func.body,
            ((tirx.BufferStore, self.stores.append), (TensorLoad, self.loads.append)),
        )

    def only_store(self, param: tirx.Var) -> tirx.BufferStore | None:
        """The one statement that writes ``param``, if nothing reads it."""
        stores = [store for store in self.stores if store.buffer.same_as(param)]
        read = any(load.source.same_as(param) for load in self.loads)
        return stores[0] if len(stores) == 1 and not read else None

    def read_only_by(self, store: tirx.BufferStore, param: tirx.Var) -> bool:
        """Whether ``param`` is read for ``store`` alone, at its element, and never written."""
        if any(other.buffer.same_as(param) for other in self.stores):
            return False
        reads = [load for load in self.loads if load.source.same_as(param)]
        here: list[TensorLoad] = []
        structural_walk(store.value, (TensorLoad, here.append))
        inside = [load for load in here if load.source.same_as(param)]
        return (
            bool(reads)
            and len(reads) == len(inside)
            and all(_same(load.indices, store.indices, param.ty.shape) for load in inside)
        )


def _covers_once(func: tirx.PrimFunc, store: tirx.BufferStore, param: tirx.Var) -> bool:
    """Whether ``store`` writes each element of ``param`` at most once: it is all that its
    block does, its indices are the block's axes, and those follow from all loops around."""
    found = _block_of(func.body, store, ())
    if found is None:
        return False
    realize, loops = found
    block = realize.block
    if any(axis.iter_type != tirx.IterVar.DataPar for axis in block.iter_vars):
        return False
    axes = [axis.var for axis in block.iter_vars]
    if not _distinct_axes(store.indices, param.ty.shape, axes):
        return False
    bound = [v for value in realize.iter_values for v in tirx.analysis.undefined_vars(value)]
    return all(
        _is(loop.extent, 1) or any(loop.loop_var.same_as(variable) for variable in bound)
        for loop in loops
    )


def _block_of(
    body: tirx.Stmt, store: tirx.BufferStore, loops: tuple[tirx.For, ...]
) -> tuple[s_tir.SBlockRealize, tuple[tirx.For, ...]] | None:
    """The block whose whole body ``store`` is, and the loops around it."""
    if isinstance(body, tirx.For):
        return _block_of(body.body, store, (*loops, body))
    if isinstance(body, tirx.SeqStmt):
        return next(filter(None, (_block_of(part, store, loops) for part in body.seq)), None)
    if isinstance(body, s_tir.SBlockRealize):
        if body.block.body.same_as(store):
            return None if body.block.init is not None else (body, loops)
        return _block_of(body.block.body, store, loops)
    return None


def _distinct_axes(
    indices: Sequence[ir.Expr], shape: Sequence[ir.Expr], axes: Sequence[tirx.Var]
) -> bool:
    used: list[ir.Expr] = []
    for index, size in zip(indices, shape, strict=True):
        if _is(size, 1):
            continue
        if not any(index.same_as(axis) for axis in axes):
            return False
        if any(index.same_as(other) for other in used):
            return False
        used.append(index)
    return True


def _alike(one: tirx.Var, other: tirx.Var) -> bool:
    return isinstance(other.ty, BufferType) and structural_equal(one.ty, other.ty)


def _same(places: Sequence[ir.Expr], others: Sequence[ir.Expr], shape: Sequence[ir.Expr]) -> bool:
    return all(
        _is(size, 1) or place.same_as(other)
        for place, other, size in zip(places, others, shape, strict=True)
    )


def _is(expr: ir.Expr, value: int) -> bool:
    return isinstance(expr, tirx.IntImm) and int(expr) == value
