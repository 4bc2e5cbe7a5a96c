"""What an item of a GPU's kernel takes, and what a device refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tvm
from tvm import s_tir, te, tirx
from tvmedge.schedules.steps.blocks import blocks
from tvmedge.schedules.steps.items import spread_items

from tests.onnx_models import conv_net, save
from tvmedge.cli import main
from tvmedge.compiler import pipelines
from tvmedge.errors import CheckError
from tvmedge.scheduling.gpu_items import DeviceKernel, GpuWatch
from tvmedge.scheduling.gpu_limits import require_fits, spills
from tvmedge.scheduling.knobs import Knobs
from tvmedge.scheduling.plan import Plan
from tvmedge.targeting import target
from tvmedge.targeting.core import Core

SPEC = target("mali-g52")


def _kernels(schedule: s_tir.Schedule) -> list[DeviceKernel]:
    watch = GpuWatch()
    machine = tvm.target.Target(SPEC.tvm_target)
    with machine, tvm.transform.PassContext(3, instruments=[watch.instrument()]):
        tvm.tirx.build(schedule.mod, machine)
    return watch.kernels


def _product(items: int, *, rows: int = 8, rolled: bool = False) -> s_tir.Schedule:
    """``y[i, j] = sum_k x[i, k] w[k, j]``, an item for ``rows`` rows of four columns."""
    x, w = te.placeholder((rows, 32), name="x"), te.placeholder((32, 4096), name="w")
    k = te.reduce_axis((0, 32), name="k")
    y = te.compute((rows, 4096), lambda i, j: te.sum(x[i, k] * w[k, j], axis=k), name="y")
    func = te.create_prim_func([x, w, y]).with_attr("global_symbol", "product")
    schedule = s_tir.Schedule(func)
    block = schedule.get_sblock("y")
    sums = schedule.cache_write(block, 0, "local")
    i, j, k = schedule.get_loops(block)
    outer, lanes = schedule.split(j, [None, 4])
    groups, item = schedule.split(outer, [None, items])
    schedule.reorder(groups, item, k, i, lanes)
    schedule.bind(groups, "blockIdx.x")
    schedule.bind(item, "threadIdx.x")
    schedule.reverse_compute_at(sums, item)
    _in_vectors(schedule, block, rolled)
    _in_vectors(schedule, sums, rolled)
    _in_vectors(schedule, schedule.decompose_reduction(block, k), rolled)
    return schedule


def _in_vectors(schedule: s_tir.Schedule, block: s_tir.schedule.SBlockRV, rolled: bool) -> None:
    *_, i, j = schedule.get_loops(block)
    if not rolled:
        schedule.unroll(i)
    schedule.vectorize(j)


def test_an_item_is_counted() -> None:
    (kernel,) = _kernels(_product(64))
    assert (kernel.groups, kernel.items) == (16, 64)
    # Eight sums of four and, at once, a vector of weights and a number.
    assert kernel.registers == 8 * 4 + 4 + 1
    assert (kernel.private, kernel.local, kernel.parameters) == (0, 0, 3 * 8)
    assert kernel.loads == 32 * (1 + 8)  # a vector of weights serves eight rows
    assert kernel.vector_loads == 32
    assert kernel.load_bytes == 32 * (16 + 8 * 4)
    assert kernel.stores == 8
    assert kernel.store_bytes == 8 * 16
    assert kernel.arithmetic == 32 * 8 * 4  # a product and its sum are one


def test_what_fits() -> None:
    assert require_fits(_kernels(_product(64)), SPEC) == []


def test_a_group_that_is_too_large() -> None:
    (kernel,) = _kernels(_product(512))
    with pytest.raises(
        CheckError, match="product_kernel has groups of 512 items, at most 384 are allowed"
    ):
        require_fits([kernel], SPEC)


def test_too_many_sums() -> None:
    (slow,) = require_fits(_kernels(_product(64, rows=32)), SPEC)
    assert slow.registers == 32 * 4 + 4 + 1
    assert "mali-g52, with 64 registers an item" in spills([slow], SPEC)
    assert "product_kernel has 133 values of 32 bits alive" in spills([slow], SPEC)


def test_an_array_that_is_found_by_index() -> None:
    (slow,) = require_fits(_kernels(_product(64, rolled=True)), SPEC)
    assert (slow.private, slow.registers) == (8 * 16, 4 + 1)
    assert "an array of 128 bytes" in spills([slow], SPEC)


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (DeviceKernel("k", 1, 64, local=40 << 10), "takes 40960 bytes of local memory"),
        (DeviceKernel("k", 1, 64, parameters=2048), "takes 2048 bytes of arguments"),
    ],
)
def test_local_memory_and_arguments(kernel: DeviceKernel, said: str) -> None:
    with pytest.raises(CheckError, match=f"k {said}, at most"):
        require_fits([kernel], SPEC)


class _Wide:
    """A rule whose groups no Mali takes."""

    name = "wide"

    def apply(self, func: tirx.PrimFunc, core: Core, knobs: Knobs) -> Plan | None:
        schedule = s_tir.Schedule(func)
        for block in blocks(schedule):
            spread_items(schedule, block, core.lanes, 1024)
        return Plan(schedule)


def test_a_rule_that_goes_too_far_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipelines, "MALI_RULES", (_Wide(),))
    net, out = save(conv_net(), tmp_path / "net.onnx"), tmp_path / "out"
    assert main(["compile", str(net), "-t", SPEC.name, "-o", str(out)]) == 3
    error = capsys.readouterr().err
    assert "over the limits of mali-g52: " in error
    assert re.search(r"_kernel\w* has groups of \d+ items, at most 384 are allowed", error)
    assert "Traceback" not in error
    assert not out.exists() or list(out.iterdir()) == []
