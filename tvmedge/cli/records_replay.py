"""``tvmedge records replay MODEL -t TARGET``."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tvmedge.cli.native_noise import native_noise_logged
from tvmedge.cli.output import Output
from tvmedge.cli.records_model import TunedModel
from tvmedge.cli.tune import cost_source
from tvmedge.errors import InputError
from tvmedge.tuning.costs.kind import CostKind

if TYPE_CHECKING:
    from tvmedge.tuning.replay import Replayed


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What to replay, and how to measure it."""

    kernels: TunedModel
    most: int = 4
    "How many of a kernel's best schedules to replay, in turns with the untuned one."
    cost: CostKind | None = None
    "As of 'tvmedge tune', whose records it replays."
    board: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "As of 'tvmedge tune'."


@native_noise_logged()
def replay(model: Path, /, *, options: Options, output: Output | None = None) -> None:
    """Build, check and measure stored schedules of a model's kernels again, as after an upgrade.

    Parameters
    ----------
    model
        The ONNX file whose kernels were tuned: records do not hold the kernels themselves.
    """
    output = (output or Output()).start()
    spec = options.kernels.spec()
    if options.most < 1:
        raise InputError("--most has to be at least 1.")

    from tvmedge.tuning import replay as stored

    with contextlib.ExitStack() as opened:
        store = opened.enter_context(options.kernels.store())
        source = opened.enter_context(cost_source(options.cost, options.board, spec))
        tasks = options.kernels.tasks(model, spec, source.name)
        done = stored.replay(
            tasks,
            spec,
            opened.enter_context(stored.evaluating(tasks, spec, source)),
            store,
            most=options.most,
            listen=lambda one: output.say(f"  {_line(one)}"),
        )
    kernels = len({one.now.key.workload for one in done})
    kept = sum(one.sound for one in done)
    output.say(
        f"{len(done)} stored schedules of {kernels} of {len(tasks.tasks)} kernels replayed: "
        f"{kept} sound, {len(done) - kept} not"
    )
    output.document(
        "records replay",
        {
            "target": spec.name,
            "cost_source": source.name,
            "kernels": {"total": len(tasks.tasks), "replayed": kernels},
            "results": Counter(one.now.status.value for one in done),
            "schedules": [_document(one) for one in done],
        },
    )


def _line(one: Replayed) -> str:
    if not one.sound:
        return f"{one.now.kernel}: {one.now.status.value}: {one.now.reason}"
    return f"{one.now.kernel}: {one.before.cost:.4g} -> {one.now.cost:.4g} {one.now.unit}"


def _document(one: Replayed) -> dict[str, Any]:
    from tvmedge.records.wire import fields_of

    before = {"cost": one.before.cost, "toolchain": one.before.key.toolchain}
    return {"before": before, "now": fields_of(one.now)}
