"""Which form a model's code takes: a freestanding library where it can be one, or TVM's VM."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import tvm

from tvmedge.bundle import Form, LibraryInfo
from tvmedge.bundle.consistency import MAX_THREADS
from tvmedge.compiler.addresses import require_addressable
from tvmedge.compiler.build import Code, kernel_count, vm_code
from tvmedge.compiler.dump import IrDump
from tvmedge.compiler.library.build import Naming, compile_library
from tvmedge.compiler.library.interface import prefix_of
from tvmedge.compiler.library.layout import Layout
from tvmedge.compiler.library.link import bundled_library, bundled_program
from tvmedge.compiler.library.refused import NotStraightLineError
from tvmedge.compiler.library.sdk import Sdk, write_sdk
from tvmedge.compiler.memory import Memory
from tvmedge.compiler.passes.lift_weights import Lifted
from tvmedge.errors import CheckError, InputError
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import big_cores
from tvmedge.types import Signature

_SHOWN = 4


@dataclass(frozen=True)
class FormChoice:
    """``form`` None: a library wherever the model can be one, else the VM.
    ``max_workspace`` bounds a library's workspace, in bytes; ``sdk`` says where to
    write the library for developers; ``threads`` is the most that a run of the
    library may use, None as many as the target has cores."""

    form: Form | None = None
    max_workspace: int | None = None
    sdk: Sdk | None = None
    threads: int | None = None

    @property
    def needs_library(self) -> bool:
        """Whether the VM cannot do what was asked for."""
        return (
            self.form is Form.LIBRARY
            or self.max_workspace is not None
            or self.sdk is not None
            or self.threads is not None
        )


def code_of(
    lifted: Lifted,
    named: tuple[str, Signature],
    spec: TargetSpec,
    choice: FormChoice,
    dump: IrDump | None = None,
) -> Code:
    """The code of scheduled kernels in the form chosen; ``named`` is the model's name and
    signature.

    Raises:
        NotStraightLineError: a library (or a limit to its workspace) was asked for and
            cannot be made.
        InputError: a limit to the workspace of the VM; a model too large for the processor.
        CheckError: the library needs more workspace than allowed.
        ToolError: the linker failed or the disk is full.
    """
    if spec.accelerator is not None:
        if choice.needs_library:
            raise InputError(
                f"Kernels for {spec.name} run on its GPU, which no freestanding library can use: "
                "leave --form, --max-workspace-kb, --sdk and --threads out."
            )
        return vm_code(lifted, spec, dump)
    if choice.form is Form.VM:
        if not spec.toolchain.loader:
            raise InputError(
                f"Target {spec.name} takes libraries only: {spec.runtime.reason}; leave --form vm "
                "out."
            )
        if choice.needs_library:
            raise InputError(
                "--max-workspace-kb, --sdk and --threads are for libraries: compile with "
                "--form library."
            )
        return vm_code(lifted, spec, dump)
    name, signature = named
    weights = sum(array.nbytes for array in lifted.weights.values())
    require_addressable(spec, weights)
    target = tvm.target.Target(dict(spec.tvm))
    naming = Naming(prefix_of(name), f"{name} for {spec.name}", _threads(choice.threads, spec))
    try:
        made = compile_library(lifted, signature, target, naming, dump.write if dump else None)
    except NotStraightLineError as error:
        if not spec.toolchain.loader:
            raise InputError(
                f"Target {spec.name} takes freestanding libraries only, which the model cannot be: "
                f"{error.node}."
            ) from error
        if choice.needs_library:
            raise
        return dataclasses.replace(vm_code(lifted, spec, dump), vm_because=error.node)
    require_addressable(spec, weights, made.layout.nbytes)
    require_workspace(made.layout, choice.max_workspace)
    if choice.sdk is not None:
        folder = choice.sdk.folder / f"{name}-{spec.name}"
        write_sdk(folder, made, spec, choice.sdk)
    file = bundled_library(made.sources(), spec.toolchain)
    info = LibraryInfo(naming.prefix, made.layout.nbytes, naming.threads)
    memory = Memory(made.layout.nbytes, made.layout.lower_bound)
    program = bundled_program(spec, file, naming.prefix)
    return Code(file, made.weights, kernel_count(lifted), info, memory=memory, program=program)


def _threads(asked: int | None, spec: TargetSpec) -> int:
    """How many threads a library for a target is made for."""
    if asked is None:
        return min(big_cores(spec), MAX_THREADS) if spec.toolchain.threads else 1
    if not 1 <= asked <= MAX_THREADS:
        raise InputError(f"--threads {asked}: a library takes 1 to {MAX_THREADS}.")
    if asked > 1 and not spec.toolchain.threads:
        raise InputError(
            f"A library for {spec.name} has one thread: threads need pthreads, for which there are "
            f"no headers of {spec.toolchain.triple} here; leave --threads out."
        )
    return asked


def require_workspace(layout: Layout, limit: int | None) -> None:
    """Refuse a library whose workspace is over ``limit`` bytes; None allows any.

    Raises:
        CheckError: it is; the message has the tensors alive where most are.
    """
    if limit is None or layout.nbytes <= limit:
        return
    peak = [f"{name} {size / 1024:.1f}" for name, size in layout.peak[:_SHOWN]]
    more = len(layout.peak) - _SHOWN
    others = f" and {more} more" if more > 0 else ""
    raise CheckError(
        f"The model needs a workspace of {layout.nbytes / 1024:.1f} KiB, more than the "
        f"{limit / 1024:.1f} allowed; alive at its peak (KiB): {', '.join(peak)}{others}."
    )
