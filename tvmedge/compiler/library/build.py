"""A lowered module becomes C text, kernels and the files linked of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tvm

from tvmedge.bundle import tensorfile
from tvmedge.compiler.kernels.fixed_point import has_hvx
from tvmedge.compiler.library.driver import CONSTANTS, DRIVER, WEIGHTS, Driver
from tvmedge.compiler.library.elf import Elf
from tvmedge.compiler.library.header import header
from tvmedge.compiler.library.interface import Interface, Weights, members_of
from tvmedge.compiler.library.kernels import Kernels, Part, build_kernels
from tvmedge.compiler.library.layout import Layout, lay_out
from tvmedge.compiler.library.names import identifiers
from tvmedge.compiler.library.plan import ALIGNMENT, aligned
from tvmedge.compiler.library.program import Array, Home, Program
from tvmedge.compiler.library.refused import NotStraightLineError
from tvmedge.compiler.library.scratch import HVX_BYTES, RuntimeCallError
from tvmedge.compiler.library.symbols import foreign
from tvmedge.compiler.library.walk import walk
from tvmedge.compiler.library.weights import aligned_weights, constants_in_file
from tvmedge.compiler.passes.lift_weights import Lifted
from tvmedge.compiler.pipelines import Observer, kernel_calls, run_phases
from tvmedge.types import Signature


@dataclass(frozen=True)
class Naming:
    """``prefix`` of every exported name; ``title`` is the header's first line; ``threads`` the
    most that a run may use."""

    prefix: str
    title: str
    threads: int = 1


@dataclass(frozen=True)
class Sources:
    """What a library is compiled of: ``files`` by name, ``kernels`` object files.

    ``weights`` are to be stored with ``tensorfile.encode``.
    """

    interface: Interface
    layout: Layout
    files: Mapping[str, bytes]
    kernels: tuple[bytes, ...]
    weights: Mapping[str, Array]


@dataclass(frozen=True)
class Compiled:
    """A program with its kernels built and its memory planned; ``parts`` are the
    functions of each kernel."""

    program: Program
    signature: Signature
    naming: Naming
    layout: Layout
    parts: Mapping[str, tuple[Part, ...]]
    kernels: tuple[bytes, ...]
    weights: Mapping[str, Array]
    alignment: int

    def sources(self, *, embed_weights: bool = False) -> Sources:
        """The library's text, its weights inside or given by the caller."""
        inputs, outputs = members_of(self.signature, self.program)
        packed = b"".join(tensorfile.encode(self.weights))
        digest = hashlib.sha256(packed).hexdigest()
        interface = Interface(
            prefix=self.naming.prefix,
            title=self.naming.title,
            inputs=inputs,
            outputs=outputs,
            weights=Weights(len(packed), digest, embed_weights) if self.weights else None,
            workspace=self.layout.nbytes,
            alignment=self.alignment,
            threads=self.naming.threads,
        )
        constants, places = _packed_constants(self.program)
        begins = tensorfile.offsets(self.weights)
        offsets = {
            Home.CONSTANT: places,
            Home.WEIGHT: tuple(begins[name] for name in self.program.weights),
        }
        driver = Driver(interface, self.program, self.layout, offsets, self.parts)
        files = {
            f"{interface.prefix}.h": header(interface).encode(),
            DRIVER: driver.text().encode(),
            CONSTANTS: constants,
        }
        if self.weights and embed_weights:
            files[WEIGHTS] = packed
        return Sources(interface, self.layout, files, self.kernels, self.weights)


def compile_library(
    lifted: Lifted,
    signature: Signature,
    target: tvm.target.Target,
    naming: Naming,
    observe: Observer | None = None,
) -> Compiled:
    """The library of a module whose kernels are scheduled and whose weights are lifted;
    ``observe`` is shown the module after each phase.

    Raises:
        NotStraightLineError: the model needs TVM's runtime.
    """
    with target, tvm.transform.PassContext(opt_level=3):
        module = run_phases(kernel_calls(), lifted.module, observe)
        program, weights = constants_in_file(walk(module), lifted.weights)
        symbols = _symbols(naming.prefix, program)
        kernels = _kernels(module, program, symbols, target, naming.threads)
    code = [Elf(data) for data in kernels.objects]
    alignment = HVX_BYTES if has_hvx(target) else tensorfile.ALIGNMENT
    _require_freestanding(code, program)
    return Compiled(
        program=program,
        signature=signature,
        naming=naming,
        layout=lay_out(program, _scratch(kernels, naming.threads)),
        parts=kernels.parts,
        kernels=tuple(elf.hidden() for elf in code),
        weights=aligned_weights(weights, alignment),
        alignment=alignment,
    )


def _symbols(prefix: str, program: Program) -> dict[str, str]:
    kernels = list(dict.fromkeys(call.kernel for call in program.calls))
    names = identifiers(kernels)
    return {kernel: f"{prefix}_kernel_{name}" for kernel, name in zip(kernels, names, strict=True)}


def _kernels(
    module: tvm.IRModule,
    program: Program,
    symbols: Mapping[str, str],
    target: tvm.target.Target,
    threads: int,
) -> Kernels:
    try:
        return build_kernels(module, symbols, target, threads)
    except RuntimeCallError as error:
        bindings = {symbols[call.kernel]: call.binding for call in program.calls}
        raise NotStraightLineError(
            bindings[error.kernel], f"calls {error.function}, which is in TVM's runtime"
        ) from error
    except tvm.error.InternalError as error:
        said = str(error).strip().splitlines()[-1]
        raise NotStraightLineError("a kernel", f"is none that C can call ({said})") from error


def _scratch(kernels: Kernels, threads: int) -> dict[str, tuple[int, ...]]:
    """The buffers of each kernel besides its tensors, in bytes: those that its parts share,
    then those of which each task has one."""
    return {
        name: (*parts[0].scratch, *(aligned(size) * threads for p in parts for size in p.own))
        for name, parts in kernels.parts.items()
        if parts
    }


def _packed_constants(program: Program) -> tuple[bytes, tuple[int, ...]]:
    """The small constants in one piece, each on a multiple of the alignment."""
    blob, places = bytearray(), []
    for array in program.constants:
        blob += bytes(-len(blob) % ALIGNMENT)
        places.append(len(blob))
        blob += array.tobytes()
    return bytes(blob), tuple(places)


def _require_freestanding(code: Sequence[Elf], program: Program) -> None:
    """Kernels may call what C has, and nothing of TVM's."""
    if names := foreign([name for elf in code for name in elf.undefined()]):
        binding = program.calls[0].binding if program.calls else "the model"
        raise NotStraightLineError(binding, f"or another kernel needs {names[0]} of TVM's runtime")
