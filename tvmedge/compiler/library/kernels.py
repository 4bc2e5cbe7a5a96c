"""The kernels of a program become one object file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tvm

from tvmedge.compiler.library.lower import lower
from tvmedge.compiler.library.plain_calls import SCRATCH


@dataclass(frozen=True)
class Kernels:
    """``scratch`` has, by kernel, the sizes in bytes of the buffers that follow its tensors."""

    module: tvm.runtime.Module
    scratch: Mapping[str, tuple[int, ...]]

    def object(self) -> bytes:
        """The ELF object, written to memory: LLVM ends the process where a disk is full."""
        handle = os.memfd_create("kernels.o")
        try:
            self.module.write_to_file(f"/proc/{os.getpid()}/fd/{handle}", "o")
            return Path(f"/proc/{os.getpid()}/fd/{handle}").read_bytes()
        finally:
            os.close(handle)


def build_kernels(
    module: tvm.IRModule, symbols: Mapping[str, str], target: tvm.target.Target
) -> Kernels:
    """Machine code of the kernels that ``symbols`` maps to names in C."""
    functions = {
        symbols[name]: module[name].with_attr("global_symbol", symbols[name]) for name in symbols
    }
    lowered = lower(tvm.IRModule(functions), target)
    names = {symbol: name for name, symbol in symbols.items()}
    scratch: dict[str, tuple[int, ...]] = {}
    for variable, function in lowered.functions_items():
        sizes: Sequence[int] = function.attrs[SCRATCH]
        scratch[names[variable.name_hint]] = tuple(int(size) for size in sizes)
    generate = tvm.get_global_func("target.build.llvm")
    return Kernels(generate(lowered, target), scratch)
