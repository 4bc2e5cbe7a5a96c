"""Every candidate of every rule computes what its kernel does, for every core."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import pytest
import tvm
from onnx import helper
from tvmedge.schedules.rules.cpu import RULES

from tests.cpu_kernels import CORES, graph
from tvmedge.compiler.pipelines import (
    after_schedule,
    rules_of,
    run_phases,
    unscheduled_kernels,
)
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice, Scheduled, Tuned, apply_tuned
from tvmedge.scheduling.knobs import Defaults
from tvmedge.scheduling.verify import verify
from tvmedge.targeting import target
from tvmedge.targeting.core import Core
from tvmedge.tuning.space import Candidate, Space

WEIGHTS = {
    "conv": (16, 16, 3, 3),
    "point": (32, 16, 1, 1),
    "depth": (16, 1, 3, 3),
    "up": (16, 24, 2, 2),
    "dense": (48, 40),
}


def _graph(kind: str) -> onnx.ModelProto:
    chance = np.random.default_rng(0)
    x = np.zeros((6, 48) if kind in ("dense", "softmax") else (1, 16, 6, 14), np.float32)
    nodes = {
        "conv": ("Conv", {"pads": [1, 1, 1, 1]}),
        "point": ("Conv", {}),
        "depth": ("Conv", {"pads": [1, 1, 1, 1], "group": 16}),
        "up": ("ConvTranspose", {"strides": [2, 2]}),
        "dense": ("MatMul", {}),
        "softmax": ("Softmax", {"axis": -1}),
        "pool": ("MaxPool", {"kernel_shape": [3, 3]}),
    }
    operator, attributes = nodes[kind]
    weights = {}
    if kind in WEIGHTS:
        weights["w"] = chance.uniform(-1, 1, WEIGHTS[kind]).astype(np.float32)
    node = helper.make_node(operator, ["x", *weights], ["s"], **attributes)
    relu = helper.make_node("Relu", ["s"], ["y"])
    return graph([node, relu], {"x": x}, weights, "y")


def _kernels(kind: str, core: Core) -> dict[str, tvm.tirx.PrimFunc]:
    imported = import_model(Model("m", Path("m.onnx"), _graph(kind), "0", "unknown"), {})
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        module = run_phases(unscheduled_kernels(core), imported.module)
    return {
        variable.name_hint: func
        for variable, func in module.functions_items()
        if isinstance(func, tvm.tirx.PrimFunc)
    }


def _candidates(space: Space, count: int) -> set[Candidate]:
    chance = random.Random(0)
    rules = [one.rule for one in space.defaults]
    drawn = [space.drawn(chance.choice(rules[:2]), chance) for _ in range(count)]
    made = [one for one in drawn if one is not None]
    made += [one for one in (space.changed(made[0], chance),) if one is not None]
    return {*made, *space.defaults}


SOME = [
    core if core in ("avx512", "neon") else pytest.param(core, marks=pytest.mark.slow)
    for core in CORES
]


@pytest.mark.parametrize("core", SOME)
@pytest.mark.parametrize("kind", [*WEIGHTS, "softmax", "pool"])
def test_every_candidate_is_right(kind: str, core: str) -> None:
    before: dict[str, tvm.tirx.PrimFunc] = {}
    after = dict(before)
    choices: dict[str, Choice] = {}
    for name, func in _kernels(kind, CORES[core]).items():
        space = Space(func, CORES[core])
        for place, candidate in enumerate(sorted(_candidates(space, 2), key=str)):
            tuned = Tuned(candidate.rule, dict(candidate.decisions))
            key = f"{name}_{place}"
            before[key] = func
            after[key] = apply_tuned(tuned, RULES, func, CORES[core]).schedule.mod["main"]
            choices[key] = Choice(candidate.rule, str(candidate.decisions), None)
    module = tvm.IRModule(after)
    for step in after_schedule(CORES[core]):
        module = step(module)
    found = verify(tvm.IRModule(before), Scheduled(module, choices))
    assert found.kernels == len(choices) > 0
    assert not found.skipped


def test_the_space_begins_with_what_compile_takes() -> None:
    func = _kernels("point", CORES["neon"])["fused_conv_maximum"]
    space = Space(func, CORES["neon"])
    first = space.defaults[0]
    assert first.rule == "conv"
    assert dict(first.decisions)["data_in_lanes"] is True
    same = apply_tuned(Tuned(first.rule, dict(first.decisions)), RULES, func, CORES["neon"])
    default = RULES[0].apply(func, CORES["neon"], Defaults())
    assert default is not None
    tvm.ir.assert_structural_equal(same.schedule.mod, default.schedule.mod)


def test_what_was_asked_is_remembered_and_gives_the_same() -> None:
    func = _kernels("point", CORES["avx2"])["fused_conv_maximum"]
    space, other = Space(func, CORES["avx2"]), Space(func, CORES["avx2"])
    drawn = [space.drawn("conv", random.Random(seed)) for seed in range(40)]
    assert drawn == [space.drawn("conv", random.Random(seed)) for seed in range(40)]
    assert drawn[39] == other.drawn("conv", random.Random(39))
    assert len(set(drawn)) > 10


@pytest.mark.parametrize("name", ["raspberry-pi-4b", "hexagon-v67", "mali-g610"])
def test_rules_of_a_target_have_names_of_their_own(name: str) -> None:
    """A record names its rule, and so does the space: what two share, only one can be found by."""
    names = [rule.name for rule in rules_of(target(name))]
    assert len(set(names)) == len(names)
