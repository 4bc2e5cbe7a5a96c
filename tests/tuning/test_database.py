"""What was tuned, as TVM's own tools read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tvm
from onnx import helper
from tvm import relax, tirx

from tests.cpu_kernels import graph
from tests.small_disk import small_disk
from tests.tuning.test_session import HOST, CodeSize, Here
from tvmedge.cli import main
from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels
from tvmedge.errors import ExitCode
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.records.best import best
from tvmedge.records.store import open_store
from tvmedge.scheduling.knobs import Defaults
from tvmedge.scheduling.workload import hash_of
from tvmedge.targeting.core import core_of
from tvmedge.tuning.session import How, Limits, Session
from tvmedge.tuning.tasks import tasks_of
from tvmedge.types import Winograd


class _Seconds(CodeSize):
    """A byte of code takes a nanosecond."""

    unit = "s"
    name = "wall-time local in-model 3"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    weights = np.random.default_rng(0).uniform(-1, 1, (16, 8, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Softmax", ["a"], ["y"], axis=1),
    ]
    proto = graph(nodes, {"x": np.zeros((1, 8, 6, 6), np.float32)}, {"w": weights}, "y")
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(proto, path)
    return path


def _tuned(model: Path, store: Path, source: CodeSize) -> list[str]:
    """A search's store; the hashes of its best schedules."""
    tasks = tasks_of(import_model(load(model), {}).module, HOST, source.name)
    with open_store(str(store), create=True) as opened:
        how = How(limits=Limits(12, threshold=0.0))
        Session(("m", tasks), HOST, source, opened, how).run(Here(), Here())
        return [record.schedule for record in best(opened.find())]


def test_tvm_schedules_a_model_as_it_was_tuned(model: Path, tmp_path: Path) -> None:
    wanted = _tuned(model, tmp_path / "records.db", _Seconds())
    folder = tmp_path / "database"
    given = ["-t", "host", "--records", str(tmp_path / "records.db"), "-o", str(folder)]
    assert main(["records", "database", str(model), *given, "--most", "2"]) == ExitCode.OK
    module = import_model(load(model), {}).module
    machine = tvm.target.Target(HOST.tvm_target)
    with machine, tvm.transform.PassContext(opt_level=3):
        phases = unscheduled_kernels(core_of(HOST), Winograd.F4, Defaults())
        module = run_phases(phases, module)
        module = relax.transform.MetaScheduleApplyDatabase(str(folder))(module)
    kernels = [f for _, f in module.functions_items() if isinstance(f, tirx.PrimFunc)]
    assert len(kernels) > 1
    assert {hash_of(kernel.without_attr("tirx.is_scheduled")) for kernel in kernels} <= {*wanted}


def test_what_was_not_timed_is_no_database(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _tuned(model, tmp_path / "records.db", CodeSize())
    given = ["-t", "host", "--records", str(tmp_path / "records.db"), "-o", str(tmp_path / "d")]
    assert main(["records", "database", str(model), *given]) == ExitCode.USAGE
    assert "has no schedule of this model's kernels that was timed" in capsys.readouterr().err
    assert not list((tmp_path / "d").iterdir())


def test_a_full_disk_leaves_no_half_of_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _tuned(model, tmp_path / "records.db", _Seconds())
    with small_disk(tmp_path / "disk", 16) as folder:
        given = ["-t", "host", "--records", str(tmp_path / "records.db"), "-o", str(folder)]
        assert main(["records", "database", str(model), *given]) == ExitCode.TOOL
        assert "disk" in capsys.readouterr().err
        assert not list(folder.iterdir())
