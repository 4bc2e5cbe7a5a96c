"""Weights of the next group of channels are asked for while those of this one are multiplied.

before: for group, tile:                   after: for group, tile:
          for k {ahead: V}:                         for k:
            for i in 4, v in V:                       prefetch(w[group + 1, k, line of tile])
              sum += x * w[group, k, i, v]            for i in 4, v in V: sum += ...

What a core fetches by itself ends with what it reads, and begins anew at every group. The tiles of
a group share the lines of the next one among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import tirx
from tvm.ir.expr import TensorLoad
from tvm.s_tir.stmt import SBlockRealize
from tvm_ffi import structural_map

from tvmedge.compiler.library.statements import for_loop, found
from tvmedge.scheduling.plan import AHEAD

_READ, _IN_L2, _DATA = 0, 2, 1  # of llvm.prefetch


@dataclass(frozen=True)
class PrefetchWeights:
    """Comes after rules that say where."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = module.clone()
        for variable, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc):
                body = structural_map(function.body, (tirx.For, _fetching))
                result[variable] = function.with_body(body)
        return result


def _fetching(loop: tirx.For) -> tirx.For:
    """``loop`` with what a turn of it fetches first, if it is to."""
    if AHEAD not in loop.annotations:
        return loop
    blocks, height, width = (int(size) for size in loop.annotations[AHEAD])
    (realize,) = found(loop.body, SBlockRealize)
    weights = realize.block.reads[-1].source
    (load,) = (x for x in found(realize.block.body, TensorLoad) if x.source.same_as(weights))
    axes = {a.var: v for a, v in zip(realize.block.iter_vars, realize.iter_values, strict=True)}
    group, *inner = (_put(index, axes) for index in load.indices)
    indices = [group + blocks, *inner]
    within = found(loop.body, tirx.For)
    start = dict.fromkeys((one.loop_var for one in within), tirx.const(0))
    # Which of the tiles of a group this is.
    _, _, rows, columns, *_ = realize.block.iter_vars
    row, column = (_put(axes[axis.var], start) for axis in (rows, columns))
    across = -(-int(columns.dom.extent) // width)
    tile = row // height * across + column // width
    tiles = -(-int(rows.dom.extent) // height) * across
    lines = [
        one
        for one in within
        if one.kind == tirx.ForKind.UNROLLED and any(_uses(x, one.loop_var) for x in indices)
    ]
    count = math.prod(int(one.extent) for one in lines)
    each = -(-count // tiles)
    fetches = []
    for at in range(each):
        line, places = tirx.min(tile * each + at, count - 1), dict(start)
        for one in reversed(lines):
            places[one.loop_var] = line % int(one.extent)
            line = line // int(one.extent)
        fetches.append(_fetch(weights, [_put(index, places) for index in indices]))
    return for_loop(loop, tirx.SeqStmt([*fetches, loop.body]))


def _fetch(weights: Any, indices: list[tvm.ir.Expr]) -> tirx.Stmt:
    address = tirx.address_of(tirx.BufferLoad(weights, indices))
    kinds = [tirx.IntImm("int32", kind) for kind in (_READ, _IN_L2, _DATA)]
    return tirx.Evaluate(tirx.call_intrin("void", "tirx.prefetch", address, *kinds))


def _put(value: tvm.ir.Expr, places: Mapping[tirx.Var, Any]) -> tvm.ir.Expr:
    """``value`` with others in place of variables."""
    return structural_map(value, (tirx.Var, lambda variable: places.get(variable, variable)))


def _uses(index: tvm.ir.Expr, variable: tirx.Var) -> bool:
    return any(used.same_as(variable) for used in found(index, tirx.Var))
