"""Quotients without a division an element: numpy's, as far as they are promised."""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax

from tvmedge.compiler.kernels.quotients import quotients

MOST = 1 << 11


def test_quotients_are_exact() -> None:
    """Divisors of all lengths, numbers just below and at their multiples; what is more than is
    promised stays more."""
    rng = np.random.default_rng(0)
    bits = rng.integers(12, 30, (4000, 1))
    totals = (2**bits + rng.integers(0, 2**bits)).clip(max=2**30).astype(np.int32)
    wanted = np.minimum(rng.integers(0, MOST, (4000, 9)), (2**31 - 1) // totals - 1)
    wanted[:, 0] = (2**31 - 1) // totals[:, 0] - 1
    numbers = wanted.astype(np.int64) * totals
    numbers[:, 1::3] += totals - 1
    numbers[:, 2::3] += rng.integers(0, totals, (4000, 1))
    assert numbers.max() < 2**31
    bb = relax.BlockBuilder()
    n = relax.Var("n", relax.TensorType(numbers.shape, "int32"))
    t = relax.Var("t", relax.TensorType(totals.shape, "int32"))
    with bb.function("main", [n, t]):
        bb.emit_func_output(quotients(bb, n, t))
    machine = relax.VirtualMachine(tvm.compile(bb.get(), "llvm"), tvm.cpu())
    given = [tvm.runtime.tensor(array) for array in (numbers.astype(np.int32), totals)]
    found = machine["main"](*given).numpy()
    exact = wanted < MOST
    np.testing.assert_array_equal(found[exact], wanted[exact])
    assert (found[~exact] >= MOST - 2).all()
