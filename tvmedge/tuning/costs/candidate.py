"""A kernel as machine code that anything can call: C's convention, no runtime of TVM's."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tvmedge.device.zig import zig_shared
from tvmedge.dtypes import carrier, is_float
from tvmedge.resources import temporary_folder

if TYPE_CHECKING:
    import tvm

_SAMPLE = 1009
SYMBOL = "tvmedge_candidate"


@dataclass(frozen=True)
class Argument:
    """A tensor that a kernel takes: C order, aligned to 64 bytes."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return math.prod(self.shape) * carrier(self.dtype).itemsize

    def sample(self) -> bytes:
        """Content to run with, always the same, of any whole number of elements up to all:
        -1 to 1, and 0 for integers, which may be places in another tensor."""
        count, dtype = min(_SAMPLE, math.prod(self.shape)), carrier(self.dtype)
        values = np.random.default_rng(0).uniform(-1, 1, count)
        return (values if is_float(self.dtype) else np.zeros(count)).astype(dtype).tobytes()


@dataclass(frozen=True)
class BuiltCandidate:
    """``void tvmedge_candidate(argument *..., scratch *...)`` in an ELF object (``code``).

    ``arguments`` are the kernel's tensors in their order, results among them; ``scratch``
    the bytes of the buffers that follow them, which hold nothing before or after a call.
    ``triple`` is TVM's ``mtriple``. ``between``: bytes that other kernels touch between two calls
    in a model, as far as caches would hold them.
    """

    code: bytes
    triple: str
    arguments: tuple[Argument, ...]
    scratch: tuple[int, ...] = ()
    between: int = 0

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of the code: schedules may differ and yet come to the same."""
        return hashlib.sha256(self.code).hexdigest()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each buffer that it takes."""
        return (*(argument.nbytes for argument in self.arguments), *self.scratch)

    def library(self, *others: Path) -> bytes:
        """A shared library, ``others`` linked in; C's own functions stay for its loader to
        find (20 ms).

        Raises:
            ToolError: zig is missing or failed, or the disk is full.
        """
        with temporary_folder("tvmedge-link-") as folder:
            made = folder / "kernel.so"
            self.link(made, *others)
            return made.read_bytes()

    def link(self, library: Path, *others: Path) -> None:
        """``library()`` as a file. Raises as it does."""
        given = library.with_suffix(".o")
        given.write_bytes(self.code)
        zig_shared(library, [given, *others])
        given.unlink()


def built(func: tvm.tirx.PrimFunc, target: tvm.target.Target) -> BuiltCandidate:
    """Machine code of a scheduled kernel of known shapes.

    Raises:
        RuntimeCallError: it calls a function of TVM's runtime, such as a sort.
        ValueError: a parameter is no tensor of known shape.
    """
    import tvm

    from tvmedge.compiler.library.kernels import build_kernels

    arguments = tuple(argument_of(parameter) for parameter in func.params)
    with target:
        kernels = build_kernels(tvm.IRModule({"kernel": func}), {"kernel": SYMBOL}, target)
    (part,) = kernels.parts["kernel"]
    return BuiltCandidate(kernels.objects[0], str(target.attrs["mtriple"]), arguments, part.scratch)


def argument_of(parameter: tvm.tirx.Var) -> Argument:
    """What a kernel's parameter is. Raises ValueError if it is no tensor of known shape."""
    import tvm

    kind = parameter.ty
    if not isinstance(kind, tvm.tirx.buffer.BufferType):
        raise ValueError(f"its parameter {parameter} is no tensor")
    if not all(isinstance(size, tvm.tirx.IntImm) for size in kind.shape):
        raise ValueError(f"the shape of its parameter {parameter} is open")
    return Argument(tuple(int(size) for size in kind.shape), str(kind.dtype))
