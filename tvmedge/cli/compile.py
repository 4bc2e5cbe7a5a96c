"""``tvmedge compile MODEL -t TARGET -o DIR``."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tvmedge.bundle import Form
from tvmedge.cli.explain import explained
from tvmedge.cli.native_noise import native_noise_logged
from tvmedge.cli.output import Output
from tvmedge.cli.tuned import tuned_document, tuned_lines
from tvmedge.targeting import target
from tvmedge.types import Precision, Winograd

if TYPE_CHECKING:
    import tvm

    from tvmedge.bundle import CodeInfo, LibraryInfo
    from tvmedge.scheduling.engine import Choice, Scheduled
    from tvmedge.scheduling.recorded import Applied
    from tvmedge.scheduling.verify import Verified
    from tvmedge.types import CpuKernel


_COMPILED = "compiled, not executed here"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compile for, and how."""

    target: Annotated[tuple[str, ...], Parameter(name=["--target", "-t"], negative=())]
    "A target's name; repeat for several (see 'tvmedge targets')."
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path()
    "Folder that receives <model>-<target>.tvmedge."
    input: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    """NAME:SHAPE such as x:1x3x224x224 fixes an input's open dimensions; NAME=VALUE such as
    sr=16000 (a number, a JSON list or a .npy file) makes the input a constant."""
    check_input: Annotated[tuple[str, ...], Parameter(negative=())] = ("random",)
    "NAME=FILE, or 'random' for the rest: the input of the bundle's own check."
    seed: int = 0
    "Seed of random check inputs."
    dump_ir: Path | None = None
    "Folder that receives the IR after every phase, one subfolder a target."
    form: Form | None = None
    """library: freestanding C, which needs no runtime, the default of static models without
    branches; vm: code for TVM's Relax VM, which takes the others."""
    max_workspace_kb: int | None = None
    "Refuse a library that needs more memory for its activations, in KiB."
    threads: int | None = None
    """The most threads that a library may use, by default as many as the target has fast cores; 1
    makes one without a pool, which needs no pthreads."""
    sdk: Path | None = None
    """Folder that receives, one subfolder a target, what an app takes: header, .so, .a, weights,
    an example and its CMakeLists.txt."""
    embed_weights: Annotated[bool, Parameter(negative=())] = False
    "With --sdk: put the weights into the library."
    winograd: Winograd = Winograd.F4
    """The largest of Winograd's algorithms that 3x3 convolutions may run by where that is faster:
    f4 and f2 err by up to 2e-5 and 3e-6 of a layer's largest value; off sums directly, as targets
    do whose weights lie in flash memory: Winograd's are up to four times as large."""
    precision: Precision = Precision.FP32
    """fp16 stores float32 as float16, for a GPU that has it, and computes in float32; fp16-sums
    sums convolutions and products in float16, too. The error is simulated."""
    records: str | None = None
    """A record store (a file, or the SQLAlchemy URL of a database) whose tuned schedules are
    applied; by default the user's own, if there is one. Records that tvmedge ships come second;
    none: neither."""
    explain: Annotated[bool, Parameter(negative=())] = False
    "Say of every kernel by which rule it is scheduled, its tile and the speed expected."
    verify: Annotated[bool, Parameter(negative=())] = False
    """Run every scheduled kernel against its unscheduled form, on random and edge inputs, built
    for this machine: the schedules of other processors, not their code, are what is verified."""


@native_noise_logged()
def compile_(model: Path, /, *, options: Options, output: Output | None = None) -> None:
    """Compile an ONNX model into one bundle a target.

    Parameters
    ----------
    model
        The ONNX file.
    """
    output = (output or Output()).start()
    specs = [target(name) for name in options.target]

    from tvmedge.bundle import write_bundle
    from tvmedge.compiler.compile import CompileOptions, compile_frontend, open_frontend
    from tvmedge.compiler.forms import FormChoice
    from tvmedge.compiler.library.sdk import Sdk
    from tvmedge.model.inputs import parse_inputs
    from tvmedge.model.load import load
    from tvmedge.records.sources import sources

    choices: dict[str, Choice] = {}
    verified: list[Verified] = []
    applied: list[Applied] = []

    def compare(before: tvm.IRModule, scheduled: Scheduled) -> None:
        from tvmedge.scheduling.verify import verify

        verified.append(verify(before, scheduled, seed=options.seed))

    given = parse_inputs(options.input)
    compile_options = CompileOptions(
        shapes=given.shapes,
        values=given.values,
        check_inputs=options.check_input,
        seed=options.seed,
        dump_ir=options.dump_ir,
        explain=choices.update,
        form=FormChoice(
            options.form,
            None if options.max_workspace_kb is None else options.max_workspace_kb * 1024,
            Sdk(options.sdk, options.embed_weights) if options.sdk else None,
            options.threads,
        ),
        verify=compare if options.verify else None,
        winograd=options.winograd,
        precision=options.precision,
        records=sources(options.records),
        applied=applied.append,
    )
    started = time.perf_counter()
    frontend = open_frontend(load(model), compile_options)
    import_s = time.perf_counter() - started
    output.say(f"imported {model} in {import_s:.1f} s")
    bundles = []
    for spec in specs:
        started = time.perf_counter()
        choices.clear()
        verified.clear()
        contents = compile_frontend(frontend, spec, compile_options)
        path = options.out / f"{contents.model.name}-{spec.name}.tvmedge"
        manifest = write_bundle(path, contents)
        seconds = time.perf_counter() - started
        sizes = {file.path: file.size for file in manifest.files}
        output.say(
            f"{path}: {path.stat().st_size} bytes (code {sizes[contents.code.file]}, weights "
            f"{sizes['weights.safetensors']}), {contents.code.kernels_total} kernels, "
            f"{seconds:.1f} s"
        )
        tuned = applied.pop()
        for line in tuned_lines(contents.code.kernels_total, tuned):
            output.say(f"  {line}")
        code = contents.code
        if code.library is not None:
            output.say(f"  {_library(code.library)}")
        elif code.vm_because:
            output.say(f"  code for TVM's VM, no freestanding library: {code.vm_because}")
        for kernel in code.on_cpu:
            output.say(f"  {_on_cpu(kernel)}")
        if (error := contents.check.simulated) is not None:
            output.say(f"  {code.precision.value}: {_COMPILED}; error {error:.1e} by simulation")
        output.say(f"  {_memory(code)}")
        if options.explain:
            output.say(explained(choices))
        for found in verified:
            output.say(f"  {found}")
        bundles.append(
            {
                "target": spec.name,
                "path": str(path),
                "bytes": path.stat().st_size,
                "files": sizes,
                "seconds": round(seconds, 3),
                "form": code.form.value,
                "precision": code.precision.value,
                "simulated_error": contents.check.simulated,
                "on_cpu": [asdict(kernel) for kernel in code.on_cpu],
                "vm_because": code.vm_because or None,
                "activation_bytes": code.activation_bytes,
                "activation_bound": code.activation_bound,
                "workspace_bytes": code.library and code.library.workspace_bytes,
                "threads": code.library and code.library.threads,
                "kernels": {
                    "total": contents.code.kernels_total,
                    "tuned": contents.code.kernels_tuned,
                    "records": tuned_document(tuned),
                    "verified": asdict(verified[0]) if verified else None,
                    "rules": {name: asdict(choice) for name, choice in sorted(choices.items())},
                },
            }
        )
    output.document(
        "compile", {"model": str(model), "import_seconds": round(import_s, 3), "bundles": bundles}
    )


def _library(info: LibraryInfo) -> str:
    threads = f"up to {info.threads} threads" if info.threads > 1 else "one thread"
    return f"a freestanding library for {threads}, workspace {info.workspace_bytes} bytes"


def _on_cpu(kernel: CpuKernel) -> str:
    if kernel.bytes_to_cpu is None or kernel.bytes_to_gpu is None:
        moved = "its tensors go there and back"
    else:
        moved = f"{kernel.bytes_to_cpu} bytes go there and {kernel.bytes_to_gpu} back in each run"
    return f"{kernel.name} runs on the CPU, as no rule puts it on the GPU: {moved}"


def _memory(code: CodeInfo) -> str:
    if code.activation_bytes is None:
        return "memory of activations: known at run time only"
    bound = "" if code.activation_bound is None else f", at least {code.activation_bound} needed"
    return f"memory of activations: {code.activation_bytes} bytes{bound}"
