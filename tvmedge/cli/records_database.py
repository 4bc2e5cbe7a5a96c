"""``tvmedge records database MODEL -t TARGET -o FOLDER``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tvmedge.cli.native_noise import native_noise_logged
from tvmedge.cli.output import Output
from tvmedge.cli.records_model import TunedModel
from tvmedge.errors import InputError


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """Which schedules to write, and where."""

    kernels: TunedModel
    out: Annotated[Path, Parameter(name=["--out", "-o"])]
    "The folder to write: database_workload.json and database_tuning_record.json are replaced."
    most: int = 1
    "How many of a kernel's fastest schedules to write."


@native_noise_logged()
def database(model: Path, /, *, options: Options, output: Output | None = None) -> None:
    """Write stored schedules of a model's kernels as a database of TVM's MetaSchedule.

    Parameters
    ----------
    model
        The ONNX file whose kernels were tuned: records do not hold the kernels themselves.
    """
    output = (output or Output()).start()
    spec = options.kernels.spec()
    if options.most < 1:
        raise InputError("--most has to be at least 1.")

    from tvmedge.tuning.database import write_database

    with options.kernels.store() as store:
        tasks = options.kernels.tasks(model, spec, cost="")
        written = write_database(tasks, spec, store, options.out, most=options.most)
    for kernel, why in written.left_out.items():
        output.say(f"  left out: {kernel}, {why}")
    output.say(
        f"{options.out}: {written.schedules} schedules of {written.kernels} of "
        f"{len(tasks.tasks)} kernels"
    )
    output.document(
        "records database",
        {
            "folder": str(options.out),
            "kernels": {"total": len(tasks.tasks), "written": written.kernels},
            "schedules": written.schedules,
            "left_out": written.left_out,
        },
    )
