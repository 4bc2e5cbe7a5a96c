"""Products of which the upper bits are kept become one operator where a core has HVX."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.cpu_kernels import CORES
from tests.relax_runs import runner
from tvmedge.compiler.passes.fixed_products import FixedProducts
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of

HEXAGON = core_of(target("hexagon-v67"))
PLAIN = CORES["avx2"]


def _module(factors: np.ndarray, shift: int = 31, last: str = "int32") -> tvm.IRModule:
    """astype(x * factors >> shift), x [1, 4, 32] of int32."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((1, 4, 32), "int32"))
    op = relax.op
    with builder.function("main", [x]):
        with builder.dataflow():
            wide = builder.emit(op.astype(x, "int64"))
            product = builder.emit(op.multiply(wide, relax.const(factors, "int64")))
            upper = builder.emit(op.right_shift(product, relax.const(shift, "int64")))
            result = builder.emit_output(op.astype(upper, last))
        builder.emit_func_output(result)
    return builder.get()


def _kernels(module: tvm.IRModule) -> list[str]:
    return [v.name_hint for v, f in module.functions_items() if isinstance(f, tvm.tirx.PrimFunc)]


@pytest.mark.parametrize("shape", [(), (1,), (4, 1), (1, 4, 32)])
def test_they_are_one_operator_with_the_same_results(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(shape))
    factors = rng.integers(1 << 30, 1 << 31, shape)
    x = rng.integers(-(2**31), 2**31, (1, 4, 32)).astype(np.int32)
    after = FixedProducts(HEXAGON)(_module(factors))
    assert _kernels(after) == ["scaled"]
    (result,) = runner(after, PLAIN)([x])
    wide = x.astype(np.int64) * factors.astype(np.int64)
    np.testing.assert_array_equal(result, (wide >> 31).astype(np.int32))


@pytest.mark.parametrize(
    "module",
    [
        _module(np.array(3), shift=30),
        _module(np.array(1 << 31)),
        _module(np.array(3), last="int64"),
    ],
    ids=["another shift", "33 bits", "not narrowed"],
)
def test_others_stay(module: tvm.IRModule) -> None:
    assert not _kernels(FixedProducts(HEXAGON)(module))


def test_without_hvx_they_stay() -> None:
    module = _module(np.array(3))
    assert FixedProducts(PLAIN)(module) is module
    assert FixedProducts(replace(HEXAGON, integer=None))(module) is module
