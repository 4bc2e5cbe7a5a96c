"""What a tile keeps lives on the stack; what is large does not."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from tvm import tirx
from tvm.script import tirx as T

from tvmedge.compiler.passes.small_on_stack import tir_pipeline


@T.prim_func(s_tir=True)
def _small(x: T.Buffer((512,), "float32"), y: T.Buffer((512,), "float32")):
    for part in range(2):
        with T.sblock("root"):
            kept = T.sblock_alloc_buffer((512,), "float32")
            for i in range(512):
                kept[i] = x[511 - i]
            for i in range(512):
                y[i] = kept[i] + T.Cast("float32", part)


@T.prim_func(s_tir=True)
def _large(x: T.Buffer((2048,), "float32"), y: T.Buffer((2048,), "float32")):
    with T.sblock("root"):
        kept = T.sblock_alloc_buffer((2048,), "float32")
        for i in range(2048):
            kept[i] = x[2047 - i]
        for i in range(2048):
            y[i] = kept[i] + T.float32(1)


@pytest.mark.parametrize(("func", "size", "asks"), [(_small, 512, False), (_large, 2048, True)])
def test_the_runtime_is_asked_for_large_buffers_only(
    func: tirx.PrimFunc, size: int, asks: bool
) -> None:
    target = tvm.target.Target("llvm")
    module = tvm.IRModule({"kernel": func.with_attr("global_symbol", "kernel")})
    library = tvm.tirx.build(module, target, pipeline=tir_pipeline())
    assert ("TVMBackendAllocWorkspace" in library.inspect_source("ll")) is asks
    default = tvm.tirx.build(module, target)
    assert "TVMBackendAllocWorkspace" in default.inspect_source("ll")
    x, y = np.arange(size, dtype=np.float32), tvm.runtime.empty((size,), "float32")
    library["kernel"](tvm.runtime.tensor(x), y)
    np.testing.assert_array_equal(y.numpy(), x[::-1] + 1)
