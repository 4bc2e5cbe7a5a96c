"""Kernels as machine code behind C's calling convention."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import te, tirx

from tests.tuning.kernels import CHANNELS, convolution
from tvmedge.boards.library import aligned
from tvmedge.targeting import target
from tvmedge.tuning.costs.candidate import SYMBOL, Argument, built


def test_called_without_a_runtime(tmp_path: Path) -> None:
    """A linked candidate needs no library of TVM's and computes its convolution."""
    candidate = convolution(target("host"), size=4)
    (tmp_path / "kernel.so").write_bytes(candidate.library())
    memory = [aligned(argument.nbytes) for argument in candidate.arguments]
    tensors = [m.view(a.dtype) for m, a in zip(memory, candidate.arguments, strict=True)]
    for tensor in tensors[:-1]:
        tensor[:] = 0.5
    scratch = [aligned(size) for size in candidate.scratch]
    kernel = ctypes.CDLL(str(tmp_path / "kernel.so"))[SYMBOL]
    kernel(*(ctypes.c_void_p(array.ctypes.data) for array in (*memory, *scratch)))
    np.testing.assert_allclose(tensors[-1], 0.25 * CHANNELS)


def test_same_code_same_digest() -> None:
    """What tells candidates apart is their code alone."""
    spec = target("raspberry-pi-4b")
    first, again = convolution(spec, size=4), convolution(spec, size=4)
    assert first.digest == again.digest != convolution(spec, size=6).digest
    assert first.arguments[0] == Argument((1, CHANNELS // 4, 4, 4, 4), "float32")
    assert first.triple == "aarch64-linux-gnu"


def test_open_shapes_are_refused() -> None:
    """There is nothing to measure a kernel of unknown sizes with."""

    x = te.placeholder((tirx.Var("n", "int64"),), "float32")
    doubled = te.create_prim_func([x, te.compute(x.shape, lambda i: x[i] * 2)])
    with pytest.raises(ValueError, match="open"):
        built(doubled, tvm.target.Target(dict(target("host").tvm)))
