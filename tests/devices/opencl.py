"""Kernels for OpenCL devices, compiled by TVM and loaded by the runtime under test."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import tvm
from tvm import s_tir, te

TARGET = {"kind": "opencl", "max_threads_per_block": 65536, "host": {"kind": "llvm"}}


def scaled(size: int = 1024, group: int = 64) -> Any:
    """``y = 2 x + 1`` over ``size`` float32, ``group`` items a work-group, built for OpenCL."""
    x = te.placeholder((size,), name="x")
    y = te.compute((size,), lambda i: x[i] * 2 + 1, name="y")
    schedule = s_tir.Schedule(te.create_prim_func([x, y]).with_attr("global_symbol", "main"))
    (loop,) = schedule.get_loops(schedule.get_sblock("y"))
    groups, items = schedule.split(loop, [None, group])
    schedule.bind(groups, "blockIdx.x")
    schedule.bind(items, "threadIdx.x")
    return tvm.compile(schedule.mod, target=tvm.target.Target(TARGET)).mod


def module_bytes(source: str, name: str = "main_kernel") -> bytes:
    """A module of one kernel without arguments, launched by blockIdx.x, as TVM stores it."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def count(value: int) -> bytes:
        return struct.pack("<Q", value)

    kernel = text(name) + text(name) + count(0) + count(1) + text("blockIdx.x") + count(0)
    code = f"// Function: {name}\n{source}"
    return text("cl") + count(1) + kernel + text(code)


def loaded(data: bytes) -> Any:
    """The module that these bytes are."""
    return tvm.get_global_func("ffi.Module.load_from_bytes.opencl")(data)


def exported(module: Any, folder: Path) -> Any:
    """The module, written and loaded again: only then does the runtime have its kernels."""
    library = folder / "kernels.so"
    module.export_library(str(library))
    return tvm.runtime.load_module(str(library))
