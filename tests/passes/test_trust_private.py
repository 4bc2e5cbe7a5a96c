"""Checks of arguments go from private functions; what reads a size stays."""

from __future__ import annotations

from collections.abc import Callable

import tvm
from tvm import relax, tirx
from tvm.relax import transform

from tvmedge.compiler.passes.trust_private import TrustPrivate

Cast = Callable[[relax.BlockBuilder, relax.Expr], relax.Expr]


def _as_it_is(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
    return x


def _to_eight(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
    return builder.match_cast(x, relax.TensorType((8, 4), "float32"))


def _module(size: object, cast: Cast = _as_it_is) -> tvm.IRModule:
    """main(x) = f(x), f(x) = cast(x)"""
    builder = relax.BlockBuilder()
    last = None
    for name in ("f", "main"):
        dim = tirx.Var("n", "int64") if size is None else size
        x = relax.Var("x", relax.TensorType((dim, 4), "float32"))
        with builder.function(name, [x], private=name == "f"):
            value = cast(builder, x) if last is None else builder.emit(relax.Call(last, [x]))
            last = builder.emit_func_output(value)
    return builder.get()


def _checks(module: tvm.IRModule, name: str) -> list[str]:
    pure = transform.RemovePurityChecking()(module)
    lowered = TrustPrivate()(transform.VMShapeLower()(pure))
    relax.analysis.well_formed(lowered)
    calls = [b.value for block in lowered[name].body.blocks for b in block.bindings]
    names = [str(getattr(getattr(call, "op", None), "global_symbol", "")) for call in calls]
    return [name for name in names if name.startswith(("vm.builtin.check", "vm.builtin.match"))]


def test_a_private_function_of_fixed_sizes_checks_nothing() -> None:
    module = _module(3)
    assert _checks(module, "f") == []
    assert _checks(module, "main") == ["vm.builtin.check_tensor_info", "vm.builtin.match_shape"]


def test_an_open_size_is_still_read() -> None:
    assert _checks(_module(None), "f") == ["vm.builtin.match_shape"]


def test_a_size_that_is_asserted_inside_is_still_checked() -> None:
    assert _checks(_module(None, _to_eight), "f") == ["vm.builtin.match_shape"] * 2
