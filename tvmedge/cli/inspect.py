"""``tvmedge inspect MODEL [-t TARGET]``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tvmedge.cli.native_noise import native_noise_logged
from tvmedge.cli.output import Output
from tvmedge.targeting import TargetSpec
from tvmedge.targeting import target as find_target

if TYPE_CHECKING:
    from tvmedge.model.inspect import ModelReport
    from tvmedge.types import FixedInput

MIB = 1 << 20


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What to look at."""

    target: Annotated[str | None, Parameter(name=["--target", "-t"])] = None
    "A target's name: say what of it matters to this model (see 'tvmedge targets')."
    input: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    """NAME:SHAPE such as x:1x3x224x224 fixes an input's open dimensions; NAME=VALUE such as
    sr=16000 (a number, a JSON list or a .npy file) makes the input a constant."""


@native_noise_logged()
def inspect(
    model: Path, /, *, options: Options | None = None, output: Output | None = None
) -> None:
    """Say what a model needs and whether it compiles, before any work starts.

    Ends with 0 when it compiles, with 2 and the reason when it does not.

    Parameters
    ----------
    model
        The ONNX file.
    """
    output, options = (output or Output()).start(), options or Options()
    spec = find_target(options.target) if options.target else None

    from tvmedge.model.inputs import parse_inputs
    from tvmedge.model.inspect import inspect_model
    from tvmedge.model.load import load

    given = parse_inputs(options.input)
    report = inspect_model(load(model), given.shapes, given.values)
    fit = _fit(report, spec) if spec else None
    for line in (*_lines(report), *(_target_lines(spec, fit) if spec and fit else ())):
        output.say(_plain(line))
    content = asdict(replace(report, problem=None)) | {
        "model": str(model),
        "compiles": report.problem is None,
        "problem": str(report.problem) if report.problem else None,
        "target": fit,
    }
    output.document("inspect", content)
    if report.problem:
        raise report.problem


def _lines(report: ModelReport) -> list[str]:
    opsets = ", ".join(f"{domain} {version}" for domain, version in report.opsets.items())
    lines = [
        f"model       {report.name}, opset {opsets or 'none'}, "
        f"by {report.producer or 'unknown'}, licence {report.licence}",
        *(f"input       {port}" for port in report.inputs),
        *(f"fixed       {_fixed(value)}" for value in report.fixed_inputs),
        *(f"output      {port}" for port in report.outputs),
        f"operators   {', '.join(f'{op} {count}' for op, count in report.operators.items())}",
        f"parameters  {report.parameters} in {report.weight_bytes} bytes",
    ]
    if cost := report.cost:
        left_out = f", {cost.uncounted} nodes of unknown shape left out" if cost.uncounted else ""
        lines.append(f"compute     {cost.macs} multiply-accumulates{left_out}")
        left_out = f", {cost.unsized} values of unknown shape left out" if cost.unsized else ""
        lines.append(f"activations {cost.peak_bytes} bytes at the peak (estimate{left_out})")
    for refusal in report.refusals:
        way_out = f": {refusal.way_out}" if refusal.way_out else ""
        lines.append(f"refused     {refusal.op} '{refusal.node}': {refusal.reason}{way_out}")
    return lines


def _fixed(given: FixedInput) -> str:
    known = given.value is not None
    content = ", ".join(map(str, given.value or ())) if known else f"sha256 {given.sha256}"
    return f"{given.name}: {given.dtype} [{', '.join(map(str, given.shape))}] = {content}"


def _fit(report: ModelReport, spec: TargetSpec) -> dict[str, Any]:
    """What the model needs at once, beside the RAM of the smallest variant sold."""
    need = report.weight_bytes + report.cost.peak_bytes if report.cost else None
    ram = spec.board.ram_mib
    known = need is not None and ram is not None
    return {
        "name": spec.name,
        "summary": spec.summary,
        "compile_only": spec.compile_only,
        "reason": spec.runtime.reason,
        "emulated": spec.emulated,
        "ram_mib": ram,
        "needs_bytes": need,
        "fits": need < ram[0] * MIB if known and need is not None and ram is not None else None,
    }


def _target_lines(spec: TargetSpec, fit: dict[str, Any]) -> list[str]:
    lines = [f"target      {spec.name}: {spec.summary}"]
    if spec.compile_only:
        lines.append(f"            compile only: {spec.runtime.reason}")
    if fit["fits"] is not None:
        verdict = "fits" if fit["fits"] else "does NOT fit"
        lines.append(
            f"            weights and activations, {fit['needs_bytes'] / MIB:.1f} MiB, {verdict} "
            f"in the {fit['ram_mib'][0]} MiB of its smallest variant (estimate)"
        )
    return lines


def _plain(line: str) -> str:
    """Names are the file's own: nothing in them may steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in line)
