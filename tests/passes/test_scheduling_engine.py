"""Rules are tried in order; a failing one is passed over and said."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import tvm
from tvm import s_tir, te, tirx, topi

from tvmedge.scheduling.engine import Recall, Tuned, schedule
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting.core import Core

CORE = Core(4, 16)


class _Rule:
    def __init__(self, name: str, result: str) -> None:
        self.name = name
        self.result = result

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        if self.result == "raise":
            raise ValueError("cannot\nand more")
        return Plan(s_tir.Schedule(func)) if self.result == "apply" else None


@pytest.fixture
def module() -> tvm.IRModule:
    x = te.placeholder((4,), name="x")
    return tvm.IRModule({"kernel": te.create_prim_func([x, topi.exp(x)])})


def test_the_first_rule_that_matches_wins(module: tvm.IRModule) -> None:
    rules = (_Rule("no", "none"), _Rule("first", "apply"), _Rule("second", "apply"))
    result = schedule(module, rules, CORE)
    assert result.choices["kernel"].rule == "first"
    assert result.module["kernel"].attrs["tirx.is_scheduled"]


def test_a_scheduled_kernel_is_left_alone(module: tvm.IRModule) -> None:
    once = schedule(module, (_Rule("first", "apply"),), CORE).module
    assert schedule(once, (_Rule("again", "apply"),), CORE).choices == {}


def test_a_rule_that_raises_is_passed_over_and_named(
    module: tvm.IRModule, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="tvmedge"):
        result = schedule(module, (_Rule("broken", "raise"), _Rule("next", "apply")), CORE)
    assert result.choices["kernel"].rule == "next"
    assert "kernel kernel: rule broken failed: cannot" in caplog.text


def test_no_rule_keeps_the_kernel_and_says_so(
    module: tvm.IRModule, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="tvmedge"):
        result = schedule(module, (_Rule("no", "none"),), CORE)
    assert result.choices == {}
    tvm.ir.assert_structural_equal(result.module, module)
    assert "no rule applies" in caplog.text


def _tuned(**decisions: int) -> Callable[[str, tirx.PrimFunc], Tuned]:
    return lambda kernel, func: Tuned("second", decisions)


class _Split:
    name = "second"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        made = s_tir.Schedule(func)
        (loop,) = made.get_loops(made.get_child_blocks(made.get_sblock("root"))[0])
        made.split(loop, [None, knobs.pick("inner", (1, 2, 4), 1)])
        return Plan(made)


def test_a_tuned_kernel_has_its_own_rule_and_decisions(module: tvm.IRModule) -> None:
    rules = (_Rule("first", "apply"), _Split())
    result = schedule(module, rules, CORE, _tuned(inner=4))
    choice = result.choices["kernel"]
    assert (choice.rule, choice.tuned, choice.refused) == ("second", True, "")
    assert "T.grid(1, 4)" in result.module["kernel"].script()


@pytest.mark.parametrize(
    ("recall", "why"),
    [
        (_tuned(inner=3), "inner = 3 is none of 1, 2, 4"),
        (_tuned(outer=1), "no longer asks for outer"),
        (lambda *_: Tuned("third", {}), "there is no rule third"),
        (lambda *_: Tuned("broken", {}), "rule broken fails with it: cannot"),
        (lambda *_: Tuned("no", {}), "rule no no longer takes the kernel"),
        (lambda *_: Tuned("second", {}, "0" * 64), "rule second makes another schedule of it now"),
    ],
)
def test_a_stale_record_is_refused_and_says_why(
    module: tvm.IRModule, recall: Recall, why: str
) -> None:
    rules = (_Rule("no", "none"), _Rule("first", "apply"), _Split(), _Rule("broken", "raise"))
    choice = schedule(module, rules, CORE, recall).choices["kernel"]
    assert (choice.rule, choice.tuned) == ("first", False)
    assert why in choice.refused
