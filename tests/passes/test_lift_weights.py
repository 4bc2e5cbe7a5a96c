"""Large constants leave the code, small ones stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.passes.lift_weights import MIN_BYTES, lift_weights

LARGE = MIN_BYTES // 4


def _module(*constants: np.ndarray) -> tvm.IRModule:
    """main(x) = x + c0 + c1 + ..."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType(constants[0].shape, "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            value = x
            for constant in constants:
                value = builder.emit(relax.op.add(value, relax.const(constant)))
            result = builder.emit_output(value)
        builder.emit_func_output(result)
    return builder.get()


def _names(module: tvm.IRModule) -> list[str]:
    return [param.name for param in module["main"].params]


def test_a_large_constant_becomes_an_argument_with_its_content() -> None:
    weight = np.arange(LARGE, dtype=np.float32)
    lifted = lift_weights(_module(weight))
    (name,) = lifted.weights
    np.testing.assert_array_equal(lifted.weights[name], weight)
    assert _names(lifted.module) == ["x", name]
    assert lifted.module["main"].attrs["num_input"] == 1
    relax.analysis.well_formed(lifted.module)  # raises otherwise


def test_a_small_constant_stays() -> None:
    module = _module(np.ones(LARGE - 1, np.float32))
    lifted = lift_weights(module)
    assert lifted.weights == {}
    tvm.ir.assert_structural_equal(lifted.module, module)


def test_equal_constants_are_one_argument_and_names_follow_content() -> None:
    one, two = np.full(LARGE, 1, np.float32), np.full(LARGE, 2, np.float32)
    first = lift_weights(_module(one, two, one.copy()))
    second = lift_weights(_module(two, one))
    assert len(first.weights) == 2
    assert set(first.weights) == set(second.weights)
    assert list(first.weights) == list(reversed(second.weights))


def test_the_same_bytes_in_another_shape_are_another_weight() -> None:
    flat = np.ones((LARGE, 1), np.float32)
    a = lift_weights(_module(flat)).weights
    b = lift_weights(_module(flat.reshape(1, LARGE))).weights
    assert set(a).isdisjoint(b)


def test_what_it_computes_stays_the_same() -> None:
    weight = np.random.default_rng(0).random(LARGE, dtype=np.float32)
    lifted = lift_weights(_module(weight))
    executable = tvm.compile(lifted.module, target=tvm.target.Target("llvm"))
    machine = relax.VirtualMachine(executable, tvm.cpu())
    x = np.ones(LARGE, np.float32)
    arguments = [tvm.runtime.tensor(a) for a in (x, *lifted.weights.values())]
    np.testing.assert_array_equal(machine["main"](*arguments).numpy(), x + weight)


def _calling(*weights: np.ndarray) -> tvm.IRModule:
    """main(x) = f(f(x)) + weights[-1], f(x) = g(x), g(x) = x + weights[0] + weights[1]"""
    builder = relax.BlockBuilder()
    type_ = relax.TensorType((LARGE,), "float32")

    def function(name: str, private: bool, emit: Callable[[relax.Var], relax.Expr]) -> Any:
        x = relax.Var("x", type_)
        with builder.function(name, [x], private=private):
            with builder.dataflow():
                result = builder.emit_output(builder.emit(emit(x)))
            return builder.emit_func_output(result)

    def add(x: relax.Expr, weight: np.ndarray) -> relax.Expr:
        return relax.op.add(x, relax.const(weight))

    g = function("g", True, lambda x: add(add(x, weights[0]), weights[1]))
    f = function("f", True, lambda x: relax.Call(g, [x]))
    function("main", False, lambda x: add(relax.Call(f, [relax.Call(f, [x])]), weights[-1]))
    return builder.get()


def test_weights_of_private_functions_are_handed_down() -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.random(LARGE, dtype=np.float32) for _ in range(2))
    module = _calling(one, two, one)
    lifted = lift_weights(module)
    relax.analysis.well_formed(lifted.module)
    assert len(lifted.weights) == 2
    assert len(lifted.module["main"].params) == 3
    assert lifted.module["main"].attrs["num_input"] == 1
    executable = tvm.compile(lifted.module, target=tvm.target.Target("llvm"))
    machine = relax.VirtualMachine(executable, tvm.cpu())
    x = np.ones(LARGE, np.float32)
    arguments = [tvm.runtime.tensor(a) for a in (x, *lifted.weights.values())]
    want = ((((x + one) + two) + one) + two) + one
    np.testing.assert_array_equal(machine["main"](*arguments).numpy(), want)
