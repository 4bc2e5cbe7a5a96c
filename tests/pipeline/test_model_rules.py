"""The rules over real models: none raises, and what they make computes the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import tvm

from scripts import model_list
from scripts.model_import import imported
from tests.cpu_kernels import CORES
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.scheduling.verify import Verified, verify
from tvmedge.targeting.core import Core

NAMES = [entry.name for entry in model_list.load_list()]
SLICE = {"text-classifier", "silero-vad", "openwakeword-embedding"}


def _lower(path: Path, name: str, core: Core, results: list[Verified] | None = None) -> None:
    entry = model_list.find(name)
    model = imported(entry, path)
    check = None if results is None else lambda *pair: results.append(verify(*pair))
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        run_phases(cpu_kernels(core, verify=check), model.module)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in SLICE else pytest.mark.slow) for n in NAMES]
)
@pytest.mark.parametrize("core", [CORES["avx512"], CORES["neon"]], ids=["avx512", "neon"])
def test_no_rule_raises(
    name: str, core: Core, model_path: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="tvmedge.scheduling"):
        _lower(model_path(name), name, core)
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_schedules_keep_results(name: str, model_path: Callable[[str], Path]) -> None:
    results: list[Verified] = []
    _lower(model_path(name), name, CORES["avx512"], results)
    (found,) = results
    assert found.kernels > 0
    assert not found.skipped
