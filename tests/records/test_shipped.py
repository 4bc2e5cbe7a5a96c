"""The records that come with tvmedge hold today: their lines, their keys, and what they apply to.

A rule or a target that changed makes some of them stale: ``scripts/retune.py TARGET --ship`` writes
the file anew, without them, or with others after a search.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tvm

from scripts import model_list
from scripts.model_import import imported
from scripts.retune import FOLDER, MODELS, TARGETS
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.records.lines import read_lines
from tvmedge.records.shipped import Shipped
from tvmedge.records.types import Record, Status
from tvmedge.scheduling.engine import Choice
from tvmedge.scheduling.recorded import Applied, Recorded
from tvmedge.scheduling.workload import PIPELINE, target_key, toolchain
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of

SHIPPED = sorted(file.stem for file in FOLDER.glob("*.jsonl"))


def _shipped(name: str) -> tuple[Record, ...]:
    read = read_lines(FOLDER / f"{name}.jsonl")
    assert read.bad == ()
    return read.records


def _applied(model: str, path: Path, name: str) -> Applied:
    """What compile applies to a model where it is given no records."""
    spec = target(name)
    recorded = Recorded((Shipped(),), spec)
    choices: dict[str, Choice] = {}
    module = imported(model_list.find(model), path).module
    with tvm.target.Target(dict(spec.tvm)), tvm.transform.PassContext(opt_level=3):
        phases = cpu_kernels(core_of(spec), choices.update, recall=recorded, knobs=recorded)
        run_phases(phases, module)
    return recorded.applied(choices)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_records_are_of_this_pipeline(name: str) -> None:
    records = _shipped(name)
    assert records
    for record in records:
        key = record.key
        assert (key.target, key.pipeline) == (target_key(target(name)), PIPELINE)
        assert key.toolchain == toolchain()
        assert (record.status, record.unit) == (Status.MEASURED, "cycles")
        assert record.schedule
    assert len({record.key for record in records}) == len(records)


def test_no_file_is_of_a_target_that_is_not_tuned() -> None:
    assert SHIPPED
    assert set(SHIPPED) <= set(TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_all_of_them_apply(name: str, model_path: Callable[[str], Path]) -> None:
    applied = {model: _applied(model, model_path(model), name) for model in MODELS}
    refused = {model: dict(one.refused) for model, one in applied.items() if one.refused}
    assert refused == {}
    used = {record.key for one in applied.values() for record in one.records.values()}
    assert used == {record.key for record in _shipped(name)}
