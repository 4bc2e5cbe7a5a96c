"""``tvmedge targets``."""

from __future__ import annotations

from tvmedge.cli.output import Output
from tvmedge.targeting import target, target_names


def targets(output: Output | None = None) -> None:
    """List the devices that can be compiled for."""
    output = (output or Output()).start()
    specs = [target(name) for name in target_names()]
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        what = "libraries only" if spec.accelerator is None else "compiled only"
        note = f" [{what}: {spec.runtime.reason}]" if spec.compile_only else ""
        output.say(f"{spec.name:{width}}  {spec.family.value:8}  {spec.summary}{note}")
    output.document(
        "targets",
        {
            "targets": [
                {
                    "name": spec.name,
                    "family": spec.family.value,
                    "summary": spec.summary,
                    "triple": spec.tvm["mtriple"],
                    "cpu": spec.tvm["mcpu"],
                    "compile_only": spec.compile_only,
                    "emulated": spec.emulated,
                }
                for spec in specs
            ]
        },
    )
