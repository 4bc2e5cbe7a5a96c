"""``tvmedge.tune``: a model's kernels, searched for the cheapest schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tvmedge.errors import InputError
from tvmedge.model.inputs import GivenInputs, Shapes, Values
from tvmedge.model.load import Model
from tvmedge.records.store import Store
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.evaluate import Builders
from tvmedge.tuning.events import Listen
from tvmedge.tuning.session import How, Session, TuneResult
from tvmedge.tuning.tasks import tasks_of_model
from tvmedge.types import Winograd
from tvmedge.versions import require_tvm


@dataclass(frozen=True)
class TuneOptions:
    """``shapes``, ``values`` and ``winograd`` as they will be compiled with; ``how`` to search;
    ``listen`` hears every event; ``begin`` is given the session before it runs, to stop it;
    ``builders`` compile in place of processes here."""

    shapes: Shapes = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    winograd: Winograd = Winograd.F4
    how: How = field(default_factory=How)
    listen: Listen = lambda event: None
    begin: Callable[[Session], None] = lambda session: None
    builders: Builders | None = None


def tune_model(
    model: Model,
    spec: TargetSpec,
    source: CostSource,
    store: Store,
    options: TuneOptions | None = None,
) -> TuneResult:
    """Search schedules of the kernels of ``model`` for ``spec`` that cost less by ``source``,
    which is open, and keep everything tried in ``store``.

    Raises:
        InputError: inputs or nodes that cannot be compiled, all named, or no kernel to tune.
        BoardError: nothing can be measured any more. What was measured is stored.
        ToolError: a tool is missing or a disk is full.
    """
    require_tvm()
    options = options or TuneOptions()
    given = GivenInputs(options.shapes, options.values)
    tasks = tasks_of_model(model, given, spec, source.name, options.winograd)
    if not tasks.tasks:
        reasons = ", ".join(sorted(set(tasks.skipped.values()))) or "it has none"
        raise InputError(
            f"Model '{model.name}' has no kernel that can be tuned ({reasons}): where sizes are "
            "open, fix them by --input."
        )
    session = Session((model.name, tasks), spec, source, store, options.how, options.listen)
    options.begin(session)
    return session.run(options.builders)
