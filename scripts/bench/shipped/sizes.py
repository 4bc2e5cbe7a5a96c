"""What a model's library consists of, for any target: no run is needed."""

from __future__ import annotations

import io
from typing import Any

import tvm
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tvmedge.compiler.build import schedule
from tvmedge.compiler.library.build import Compiled, Naming, compile_library
from tvmedge.compiler.library.link import bundled_library
from tvmedge.compiler.memory import MemoryWatch
from tvmedge.compiler.passes.lift_weights import Lifted
from tvmedge.compiler.pipelines import run_phases, vm_lowering
from tvmedge.model.importer import ImportedModel
from tvmedge.targeting import TargetSpec

_ELF = b"\x7fELF"


def sizes(imported: ImportedModel, spec: TargetSpec) -> dict[str, Any]:
    """Bytes of the library for one thread: code by origin, weights, memory.

    ``vm_bytes`` is what TVM's VM plans for the same activations (StaticPlanBlockMemory), with
    the largest buffers that a kernel asks for besides. Where nothing is loaded the library is its
    archive, with the names that a linker takes from it.

    Raises:
        NotStraightLineError: the model cannot be a library.
    """
    lifted = schedule(imported.module, spec)
    target = tvm.target.Target(dict(spec.tvm))
    made = compile_library(lifted, imported.signature, target, Naming("model", "figures"))
    library = bundled_library(made.sources(), spec.toolchain)
    kernels = sum(map(_code_bytes, made.kernels))
    return {
        "kernels_bytes": kernels,
        # An archive holds one object, uncompressed.
        "driver_bytes": _code_bytes(library[library.index(_ELF) :]) - kernels,
        "library_bytes": len(library),
        "weights_bytes": sum(array.nbytes for array in made.weights.values()),
        "constants_bytes": sum(array.nbytes for array in made.program.constants),
        "workspace_bytes": made.layout.nbytes,
        "bound_bytes": made.layout.lower_bound,
        "vm_bytes": _planned(lifted, target, made),
    }


def _code_bytes(elf: bytes) -> int:
    """Of sections that a processor executes."""
    sections = ELFFile(io.BytesIO(elf)).iter_sections()
    return sum(s.data_size for s in sections if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR)


def _planned(lifted: Lifted, target: tvm.target.Target, made: Compiled) -> int | None:
    watch = MemoryWatch()
    with target, tvm.transform.PassContext(opt_level=3):
        run_phases(vm_lowering(), lifted.module, watch.phase)
    planned = watch.memory().activations
    scratch = max((sum(p.scratch) for parts in made.parts.values() for p in parts), default=0)
    return None if planned is None else planned + scratch
