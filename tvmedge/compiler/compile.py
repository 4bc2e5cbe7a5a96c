"""The stage ``model -> bundle contents``, for one target or for several."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tvm

from tvmedge.bundle import (
    BundleContents,
    CheckInfo,
    CodeInfo,
    Form,
    ModelInfo,
    ProgramInfo,
    TargetInfo,
)
from tvmedge.compiler.build import Code, schedule
from tvmedge.compiler.check_input import convincing_vectors
from tvmedge.compiler.dump import IrDump
from tvmedge.compiler.forms import FormChoice, code_of
from tvmedge.compiler.kernel_costs import kernel_costs
from tvmedge.compiler.notice import notice
from tvmedge.compiler.passes.lift_weights import Lifted
from tvmedge.compiler.passes.schedule_kernels import Explain, Verify
from tvmedge.compiler.reference import CheckVectors
from tvmedge.compiler.scalar_floats import scalar_floats
from tvmedge.compiler.simulate_half import half_error
from tvmedge.compiler.simulate_sums import sums_error
from tvmedge.device.build_server import linked_server_sha256
from tvmedge.device.zig import zig_version
from tvmedge.dtypes import NAMES
from tvmedge.errors import InputError
from tvmedge.model.failures import failures_named
from tvmedge.model.importer import ImportedModel, import_model
from tvmedge.model.inputs import Shapes, Values
from tvmedge.model.load import Model
from tvmedge.model.prepare.bind_values import bind_values, fixed_inputs
from tvmedge.records.shipped import Shipped
from tvmedge.records.sources import Source
from tvmedge.scheduling.engine import Choice
from tvmedge.scheduling.recorded import Applied, Recorded
from tvmedge.targeting import TargetSpec
from tvmedge.types import DeviceKind, KernelCost, Numerics, Precision, Signature, Winograd
from tvmedge.versions import require_tvm, tvmedge_version

log = logging.getLogger(__name__)

_ROOM, _LEAST_OF_HALF = 4.0, 1e-3
CODE_FILE = "code/model.so"
ARCHIVE_FILE = "code/model.a"
"""Where the board loads no libraries."""
PROGRAM_FILE = "code/program"
"""That archive, linked with our server."""


@dataclass(frozen=True)
class CompileOptions:
    """``shapes`` fixes dimensions of inputs by name, ``values`` whole inputs, which
    become constants; ``check_inputs`` are NAME=FILE or "random" for the bundle's
    own check; ``dump_ir`` receives the IR after every phase, one folder a target;
    ``explain`` hears how each kernel was scheduled, and ``verify`` is given the module
    before and after, to compare them; ``form`` says what code to make;
    3x3 convolutions may run by ``winograd``; ``precision`` is what a GPU stores. Kernels that
    one of ``records`` knows (what tvmedge ships, by default) get the schedule recorded, of which
    ``applied`` hears."""

    shapes: Shapes = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    check_inputs: tuple[str, ...] = ("random",)
    seed: int = 0
    dump_ir: Path | None = None
    explain: Explain | None = None
    verify: Verify | None = None
    form: FormChoice = field(default_factory=FormChoice)
    winograd: Winograd = Winograd.F4
    precision: Precision = Precision.FP32
    records: Sequence[Source] = (Shipped(),)
    applied: Callable[[Applied], object] | None = None


@dataclass(frozen=True)
class Frontend:
    """What all targets share: the imported model and its check vectors."""

    imported: ImportedModel
    vectors: CheckVectors


def compile_model(
    model: Model, spec: TargetSpec, options: CompileOptions | None = None
) -> BundleContents:
    """Import ``model`` and build it for ``spec``.

    Raises:
        InputError: inputs or nodes that cannot be compiled, all named.
        ToolError: the linker is missing or failed, or the disk is full.
    """
    options = options or CompileOptions()
    return compile_frontend(open_frontend(model, options), spec, options)


def open_frontend(model: Model, options: CompileOptions) -> Frontend:
    """Import ``model`` and compute its reference outputs, once for all targets."""
    require_tvm()
    model = bind_values(model, options.values)
    imported = import_model(model, options.shapes)
    _require_storable(model, imported.signature)
    with failures_named(model, "run on a check input"):
        vectors = convincing_vectors(model, imported.signature, options.check_inputs, options.seed)
    return Frontend(imported, vectors)


def _require_storable(model: Model, signature: Signature) -> None:
    for spec in (*signature.inputs, *signature.outputs):
        if spec.dtype not in NAMES:
            raise InputError(
                f"Model '{model.path}': '{spec.name}' is {spec.dtype}, which a bundle cannot take "
                "or give: cast it to float32 in the model."
            )


def compile_frontend(
    frontend: Frontend, spec: TargetSpec, options: CompileOptions
) -> BundleContents:
    """Build an imported model for one target."""
    imported, vectors = frontend.imported, frontend.vectors
    if spec.accelerator is not None:
        _require_fixed(imported, spec, options)
    if options.precision is not Precision.FP32:
        _require_half(spec)
    dump = IrDump(options.dump_ir / spec.name) if options.dump_ir else None
    model = imported.model
    with failures_named(model, f"compiled for {spec.name}"):
        lifted, applied, kernels = _scheduled(imported.module, spec, dump, options)
        code = code_of(lifted, (model.name, imported.signature), spec, options.form, dump)
        check = _check(imported, vectors, spec, options.precision)
    return BundleContents(
        model=ModelInfo(model.name, model.sha256, model.licence),
        target=TargetInfo(
            name=spec.name,
            family=spec.family.value,
            triple=str(spec.tvm["mtriple"]),
            cpu=str(spec.tvm["mcpu"]),
            features=spec.features,
            device=DeviceKind.CPU if spec.accelerator is None else DeviceKind.OPENCL,
        ),
        signature=imported.signature,
        code=CodeInfo(
            file=CODE_FILE if spec.toolchain.loader else ARCHIVE_FILE,
            form=Form.VM if code.library is None else Form.LIBRARY,
            weights=tuple(code.weights),
            kernels_total=code.kernels,
            kernels_tuned=len(applied.records),
            library=code.library,
            vm_because=code.vm_because,
            activation_bytes=code.memory.activations,
            activation_bound=code.memory.lower_bound,
            precision=options.precision,
            on_cpu=lifted.on_cpu,
            kernels=kernels,
            program=_program(code),
        ),
        check=check,
        versions=_versions(),
        records_sha256=applied.sha256,
        library=code.file,
        weights=code.weights,
        check_inputs=vectors.inputs,
        check_outputs=vectors.outputs,
        notice=notice(model),
        fixed_inputs=fixed_inputs(model),
        program=code.program,
    )


def _program(code: Code) -> ProgramInfo | None:
    return None if code.program is None else ProgramInfo(PROGRAM_FILE, linked_server_sha256())


def _check(
    imported: ImportedModel, vectors: CheckVectors, spec: TargetSpec, precision: Precision
) -> CheckInfo:
    """How close a board must come: to what rounding to float16 was simulated to cost, with room
    for another order of sums."""
    if precision is Precision.FP32:
        return CheckInfo(vectors.tool, vectors.tolerance)
    model = imported.model
    error = half_error(model.proto, {**vectors.inputs, **model.fixed}, vectors.outputs)
    if precision is Precision.FP16_SUMS:
        sums = sums_error(imported.module, spec, vectors.inputs, vectors.outputs)
        error = max(error, sums)
    return CheckInfo(vectors.tool, max(_ROOM * error, _LEAST_OF_HALF), error)


def _require_half(spec: TargetSpec) -> None:
    gpu = spec.board.gpu
    if gpu is None or not gpu.fp16:
        why = "has no GPU here" if gpu is None else "does not say fp16 under [board.gpu]"
        raise InputError(
            f"--precision fp16 is for GPUs that compute in it, and target {spec.name} {why}: leave "
            "it out."
        )


def _require_fixed(imported: ImportedModel, spec: TargetSpec, options: CompileOptions) -> None:
    """Refuse what GPUs do not take.

    Raises:
        InputError: open dimensions; a comparison with unscheduled kernels.
    """
    if options.verify is not None:
        raise InputError(f"--verify runs kernels on this CPU, those for {spec.name} are for a GPU.")
    tensors = (*imported.signature.inputs, *imported.signature.outputs)
    for tensor in tensors:
        if not all(isinstance(size, int) for size in tensor.shape):
            raise InputError(
                f"Model '{imported.model.path}': '{tensor.name}' has open dimensions {tensor}, and "
                f"{spec.name} takes fixed ones: give --input {tensor.name}:SHAPE."
            )


def _scheduled(
    module: tvm.IRModule, spec: TargetSpec, dump: IrDump | None, options: CompileOptions
) -> tuple[Lifted, Applied, tuple[KernelCost, ...]]:
    recorded = Recorded(options.records, spec)
    choices: dict[str, Choice] = {}
    numerics = Numerics(options.winograd, options.precision)
    lifted = schedule(module, spec, dump, choices.update, options.verify, numerics, recorded)
    if warning := scalar_floats(lifted.module, spec):
        log.warning("%s.", warning)
    if options.explain:
        options.explain(choices)
    applied = recorded.applied(choices)
    if options.applied:
        options.applied(applied)
    assert lifted.plain is not None
    return lifted, applied, kernel_costs(lifted.plain, lifted.module, choices)


def _versions() -> Mapping[str, str]:
    return {
        "llvm": str(tvm.target.codegen.llvm_version_major()),
        "tvm": importlib.metadata.version("apache-tvm"),
        "tvm_ffi": importlib.metadata.version("apache-tvm-ffi"),
        "tvmedge": tvmedge_version(),
        "zig": zig_version(),
    }
