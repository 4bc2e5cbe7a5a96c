"""The kernels of a program become object files, several at once."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tvm

from tvmedge.compiler.library.lower import lower
from tvmedge.compiler.library.parts import EXTENT, OWN
from tvmedge.compiler.library.scratch import SCRATCH
from tvmedge.compiler.parallel_build import all_at_once, parted


@dataclass(frozen=True)
class Part:
    """A function of the object file: it takes the kernel's tensors, buffers of ``scratch``
    bytes, buffers of ``own`` bytes that each task has for itself, and, where it has an ``extent``,
    which of so many iterations it is to do."""

    symbol: str
    scratch: tuple[int, ...]
    own: tuple[int, ...] = ()
    extent: int = 0


@dataclass(frozen=True)
class Kernels:
    """``objects`` are ELF files; ``parts`` are those of each kernel, in the order in which they
    run."""

    objects: tuple[bytes, ...]
    parts: Mapping[str, tuple[Part, ...]]


def build_kernels(
    module: tvm.IRModule, symbols: Mapping[str, str], target: tvm.target.Target, threads: int = 1
) -> Kernels:
    """Machine code of the kernels that ``symbols`` maps to names in C, for up to ``threads``."""
    functions = {
        symbols[name]: module[name].with_attr("global_symbol", symbols[name]) for name in symbols
    }
    jobs = [
        functools.partial(_built, part, target, threads) for part in parted(tvm.IRModule(functions))
    ]
    objects, found = zip(*all_at_once(jobs), strict=True)
    made = {part.symbol: part for parts in found for part in parts}
    return Kernels(objects, {name: tuple(_of(made, symbols[name], threads)) for name in symbols})


def _built(
    module: tvm.IRModule, target: tvm.target.Target, threads: int
) -> tuple[bytes, list[Part]]:
    with target, tvm.transform.PassContext(opt_level=3):
        lowered = lower(module, target, threads)
        parts = [_part(variable.name_hint, f) for variable, f in lowered.functions_items()]
        return _object(tvm.get_global_func("target.build.llvm")(lowered, target)), parts


def _object(module: tvm.runtime.Module) -> bytes:
    """The ELF file, written to memory: LLVM ends the process where a disk is full."""
    handle = os.memfd_create("kernels.o")
    try:
        module.write_to_file(f"/proc/{os.getpid()}/fd/{handle}", "o")
        return Path(f"/proc/{os.getpid()}/fd/{handle}").read_bytes()
    finally:
        os.close(handle)


def _part(symbol: str, function: tvm.tirx.PrimFunc) -> Part:
    attrs = function.attrs
    return Part(
        symbol,
        tuple(int(size) for size in attrs[SCRATCH]),
        tuple(int(size) for size in attrs.get(OWN, ())),
        int(attrs.get(EXTENT, 0)),
    )


def _of(made: Mapping[str, Part], symbol: str, threads: int) -> Iterator[Part]:
    if threads == 1:
        yield made[symbol]
        return
    for index in itertools.count():
        name = f"{symbol}_{index}"
        if name not in made:
            return
        yield made[name]
