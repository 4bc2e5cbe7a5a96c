"""``docs/benchmarks.md``: the result files of the CPU as one page."""

from __future__ import annotations

from scripts.bench.results import Record
from scripts.bench.tables import markdown

_INTRODUCTION = """\
# Benchmarks on this machine's CPU

Made by `scripts/bench_report.py` from the result files of `scripts/bench_cpu.py`,
`scripts/bench_kernels.py` and `scripts/bench_compile.py`; do not edit. Nothing is tuned.

![Time of every runtime over ours, model by model](benchmarks.svg)
"""

_MODELS = """\
## Models

Every runtime loads the model in a process of its own, pinned to the cores that it may use,
and is timed in turns with the others on the same inputs. Outputs are compared with
onnxruntime's: a runtime that is off by more than 1e-3 is out. onnxruntime and OpenVINO load
the ONNX file (where an input is fixed to a value, with that folded in); the others convert
the model with its shapes fixed and its constants folded. Outputs stay in the runtime's own
memory while runs are timed, but for ncnn and IREE, whose bindings hand them to NumPy.
"""

_KERNELS = """\
## Kernels

Convolutions with bias and ReLU on one core, least time of many runs; everything but the
moves of the model's own input and output in and out of blocks counts. *Peak* is a loop of
multiply-adds in registers; *limit* that, or reading and writing the layer's data once from the
caches that hold it, whichever takes longer. Kernel, peak and caches are measured in turns and
shares are medians of those taken at one moment, as the clock of AVX-512 code moves by a tenth.
A multiply-add may load one operand, and the core loads two vectors a cycle: windows that share
no pixels are bound by nothing else. Winograd needs fewer multiply-adds than are counted, and so
do windows over padding, whose rows are left out: both may pass the peak. Wanted: of the peak
85 % for 1x1 and 3x3 (80 % with AVX2) and 50 % for first layers, of the limit 60 % for depthwise
ones.
"""

_COMPILED = """\
## Compile times

Seconds of `tvmedge compile -t host` in a fresh process. *Import*: from the ONNX file to Relax, with
what Python loads for that; *compile*: from there to the bundle on disk, with onnxruntime's
reference run; *CPU*: what the whole process took on so many cores, every import included. Wanted:
less than 10 s for each CNN, imports excluded.
"""


def page(models: Record, kernels: Record, compiled: Record) -> str:
    """The whole page; a part whose result file is missing is left out."""
    parts = [_INTRODUCTION]
    if models["models"]:
        pins = sorted({pin for pins in models["contestants"].values() for pin in pins})
        others = [pin.replace("==", " ") for pin in pins]
        parts += [_MODELS, _machine(models, others), _load(models), markdown(models)]
    if kernels.get("kernels"):
        parts += [_KERNELS, _machine(kernels, []), _kernel_table(kernels)]
    if compiled.get("compiled"):
        parts += [_COMPILED, _machine(compiled, []), _compile_table(compiled)]
    return "\n".join(parts)


def _compile_table(report: Record) -> str:
    lines = ["| model | import | compile | CPU | cores | load |", "|---|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {row['model']} | {row['import_s']:.1f} | {row['compile_s']:.1f} | {row['cpu_s']:.1f} "
        f"| {row['cores']} | {row['load']} |"
        for row in report["compiled"]
    ]
    return "\n".join(lines) + "\n"


def _machine(report: Record, more: list[str]) -> str:
    measured = report["machine"]
    packages = [f"{name} {version}" for name, version in measured["packages"].items()]
    versions = ", ".join([f"Python {measured['python']}", *packages, *more])
    return f"{measured['cpu']}; {versions}.\n"


def _load(models: Record) -> str:
    loads = [load for record in models["models"] for load in record["load"].values()]
    return f"Load average of the machine before each model: {min(loads)} to {max(loads)}.\n"


def _kernel_table(report: Record) -> str:
    lines = [
        "| core | layer | ms | GFLOP/s | of peak | of limit | error | rule |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    kind = ""
    for row in report["kernels"]:
        if row["kind"] != kind:
            kind = row["kind"]
            lines.append(f"| *{kind}* | | | | | | | |")
        wrong = "" if row["right"] else " **wrong**"
        lines.append(
            f"| {row['core']} | {row['layer']} | {row['ms']:.3f} | {row['gflops']:.0f} "
            f"| {row['of_peak']:.0%} | {row['of_limit']:.0%} | {row['error']:.0e}{wrong} "
            f"| {row['rule']} {row['tile']} |"
        )
    return "\n".join(lines) + "\n"
