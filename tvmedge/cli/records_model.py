"""What verbs ask that look for stored schedules of a model's kernels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tvmedge.cli.records import InStore
from tvmedge.targeting import TargetSpec
from tvmedge.targeting import target as target_named
from tvmedge.types import Winograd

if TYPE_CHECKING:
    from tvmedge.records.store import Store
    from tvmedge.tuning.tasks import Tasks


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TunedModel:
    """Which kernels are meant, and where their schedules are: records do not hold kernels."""

    target: Annotated[str, Parameter(name=["--target", "-t"])]
    "The target's name (see 'tvmedge targets')."
    records: str | None = None
    "The record store; the user's own by default."
    input: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "As of 'tvmedge compile': NAME:SHAPE or NAME=VALUE."
    winograd: Winograd = Winograd.F4
    "As of 'tvmedge compile'."

    def spec(self) -> TargetSpec:
        """The target."""
        return target_named(self.target)

    def store(self) -> Store:
        """The store, to be closed by who asks for it."""
        return InStore(records=self.records).open()

    def tasks(self, model: Path, spec: TargetSpec, cost: str) -> Tasks:
        """The kernels of the ONNX file ``model``, by the cost source of that name.

        Raises:
            InputError: inputs or nodes that cannot be compiled, all named.
            ToolError: there is no zig, or another TVM than ours.
        """
        from tvmedge.model.inputs import parse_inputs
        from tvmedge.model.load import load
        from tvmedge.tuning.tasks import tasks_of_model
        from tvmedge.versions import require_tvm

        require_tvm()
        given = parse_inputs(self.input)
        return tasks_of_model(load(model), given, spec, cost, self.winograd)
