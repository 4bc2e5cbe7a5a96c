"""``--verify`` finds schedules that change results, and names them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import tvm
from onnx import helper
from tvm import s_tir, te, tirx, topi
from tvm.script import tirx as T
from tvmedge.schedules.rules.cpu.last import Last

from tests.cpu_kernels import CORES, graph, random
from tests.onnx_models import conv_net, save
from tests.quantised_graphs import random_codes
from tvmedge.cli import main
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.errors import CheckError
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling import verify as module_under_test
from tvmedge.scheduling.engine import schedule
from tvmedge.scheduling.isolated import DiedError, isolated
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.scheduling.verify import Verified, verify
from tvmedge.targeting.core import Core, DotKind, DotUnit, matrix_unit

CORE = Core(4, 16)


class _Replace:
    """A rule that schedules some other function than it was given."""

    name = "planted"

    def __init__(self, other: tirx.PrimFunc) -> None:
        self.other = other

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        return Plan(s_tir.Schedule(self.other))


def _exp() -> tirx.PrimFunc:
    x = te.placeholder((4, 5), name="x")
    return te.create_prim_func([x, topi.exp(x)])


@T.prim_func(s_tir=True)
def _one_too_far(x: T.Buffer((4, 5), "float32"), y: T.Buffer((4, 5), "float32")):
    for i in range(21):
        y[0, i] = T.exp(x[0, i])


@T.prim_func(s_tir=True)
def _into_the_wild(x: T.Buffer((4, 5), "float32"), y: T.Buffer((4, 5), "float32")):
    for i in range(4):
        y[0, T.int64(1099511627776) + T.Cast("int64", i)] = x[i, 0]


@T.prim_func(s_tir=True)
def _last_row_missing(x: T.Buffer((4, 5), "float32"), y: T.Buffer((4, 5), "float32")):
    for i, j in T.grid(3, 5):
        y[i, j] = T.exp(x[i, j])


def _planted(other: tirx.PrimFunc) -> Verified:
    module = tvm.IRModule({"fused_exp": _exp(), "good": _exp()})
    bad, good = tvm.IRModule({"fused_exp": _exp()}), tvm.IRModule({"good": _exp()})
    broken = schedule(bad, (_Replace(other),), CORE)
    fine = schedule(good, (Last(),), CORE)
    broken.module.update(fine.module)
    broken.choices.update(fine.choices)
    return verify(module, broken)


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (_last_row_missing, r"is off by \d"),
        (_one_too_far, "writes outside of its buffers"),
        (_into_the_wild, "crashed"),
    ],
)
def test_a_wrong_rule_is_caught_and_named(other: tirx.PrimFunc, fault: str) -> None:
    with pytest.raises(CheckError, match=rf"kernel fused_exp \(rule planted\) {fault}") as caught:
        _planted(other)
    assert "good" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_what_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(case: object, seed: int) -> tuple[float, str]:
        time.sleep(60)
        return 0.0, ""

    monkeypatch.setattr(module_under_test, "SECONDS", 0.2)
    monkeypatch.setattr(module_under_test, "_compare", hang)
    with pytest.raises(CheckError, match=r"kernel fused_exp \(rule last\) did not end"):
        verify(*_scheduled(_exp()))


def _scheduled(func: tirx.PrimFunc) -> tuple[tvm.IRModule, module_under_test.Scheduled]:
    module = tvm.IRModule({"fused_exp": func})
    return module, schedule(module, (Last(),), CORE)


def test_places_stay_inside_and_open_sizes_get_numbers() -> None:
    rows = tirx.Var("n", "int64")
    table = te.placeholder((7, 3), name="table")
    which = te.placeholder((rows,), name="which", dtype="int64")
    through = topi.reshape(which, (rows,))  # a place by way of another buffer
    taken = topi.take(table, through, axis=0, mode="fast")
    result = verify(*_scheduled(te.create_prim_func([table, which, taken])))
    assert result == Verified(1, 0.0, {})


def test_what_cannot_be_tried_is_said() -> None:
    n, m = tirx.Var("n", "int64"), tirx.Var("m", "int64")
    x = te.placeholder((n - 20, m), name="x")
    result = verify(*_scheduled(te.create_prim_func([x, topi.exp(x)])))
    assert result.kernels == 0
    assert "not verified: fused_exp, as its shape (-15, 5) is impossible" in str(result)


@pytest.mark.parametrize("core", [CORES["avx512"], CORES["neon"]], ids=["avx512", "neon"])
def test_the_rules_of_every_core_pass(core: Core) -> None:
    x, w = random(1, 3, 9, 9), random(20, 3, 3, 3, seed=1)
    dense = random(20, 10, seed=2)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "d"], ["m"]),
        helper.make_node("Softmax", ["m"], ["y"]),
    ]
    proto = graph(nodes, {"x": x}, {"w": w, "d": dense}, "y")
    results: list[Verified] = []
    phases = cpu_kernels(core, verify=lambda *pair: results.append(verify(*pair)))
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        run_phases(phases, import_model(Model("m", None, proto, "0", "unknown"), {}).module)
    (found,) = results
    assert found.kernels >= 4
    assert found.error < 2e-6
    assert not found.skipped


@pytest.mark.parametrize("kind", [DotKind.SDOT, DotKind.SMMLA], ids=lambda kind: kind.value)
def test_instructions_that_this_machine_lacks_are_written_out(kind: DotKind) -> None:
    """The schedules of an ARM core's integers, not its instructions, are what is verified."""
    unit = matrix_unit(32) if kind is DotKind.SMMLA else DotUnit(4, 32, unsigned=False, kind=kind)
    x, w = random_codes((1, 6, 20), "int8"), random_codes((20, 9), "int8", 1)
    nodes = [helper.make_node("MatMulInteger", ["x", "w"], ["y"])]
    proto = graph(nodes, {"x": x}, {"w": w}, "y")
    results: list[Verified] = []
    core = replace(CORES["neon"], integer=unit)
    phases = cpu_kernels(core, verify=lambda *pair: results.append(verify(*pair)))
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        run_phases(phases, import_model(Model("m", None, proto, "0", "unknown"), {}).module)
    (found,) = results
    assert found.kernels >= 1 and found.error == 0.0


def test_compile_says_what_was_verified_and_ends_with_3(
    tmp_path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = save(conv_net(), tmp_path / "net.onnx")
    command = ["compile", str(net), "-t", "raspberry-pi-4b", "-o", str(tmp_path), "--verify"]
    assert main(command) == 0
    assert "verified 5 kernels on this machine" in capsys.readouterr().out

    def negated(self: Last, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        return Plan(s_tir.Schedule(func.with_body(tirx.Evaluate(tirx.const(0)))))

    monkeypatch.setattr(Last, "apply", negated)
    assert main(command) == 3
    assert "(rule last) is off by" in capsys.readouterr().err


def test_the_child_is_lost_and_this_process_is_not() -> None:
    def work() -> Iterator[np.ndarray]:
        yield np.arange(100_000)
        os.kill(os.getpid(), signal.SIGSEGV)

    answers = isolated(work, 10)
    assert next(answers).sum() == sum(range(100_000))
    with pytest.raises(DiedError, match="crashed"):
        next(answers)
    assert list(isolated(lambda: iter([1, 2]), 10)) == [1, 2]
