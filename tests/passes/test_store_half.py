"""float16 between kernels: types, results beside float32's, code that clang takes, simulation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tvm
from onnx import helper
from tvm import relax

from scripts.bench.opencl_code import CLANGS, code_of, mixes
from tests.cpu_kernels import graph, random
from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.compiler.passes.narrow_halves import NarrowHalves
from tvmedge.compiler.passes.store_half import OwnSums, StoreHalf
from tvmedge.compiler.pipelines import run_phases, unscheduled_kernels, vm_lowering
from tvmedge.compiler.simulate_half import half_error
from tvmedge.compiler.simulate_sums import sums_error
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting import target
from tvmedge.targeting.core import Core
from tvmedge.tensors import max_normalised_error
from tvmedge.types import Winograd

MALI = "mali-g610"
EPS = float(np.finfo(np.float16).eps)


def _kernels(proto: object) -> tvm.IRModule:
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    with tvm.target.Target("llvm"), tvm.transform.PassContext(opt_level=3):
        return run_phases(unscheduled_kernels(Core(4, 16), Winograd.OFF), imported.module)


def _run(module: tvm.IRModule, x: np.ndarray) -> np.ndarray:
    """What ``main`` computes on this CPU, kernels as plain loops."""
    machine = tvm.target.Target("llvm")
    with machine, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(vm_lowering(), module)
        executable = relax.build(lowered, machine, relax_pipeline=None)
    result = relax.VirtualMachine(executable, tvm.cpu())["main"](tvm.runtime.tensor(x))
    return result.numpy()


def test_results_are_those_of_float16_storage() -> None:
    proto = conv_net()
    module, x = _kernels(proto), random(1, 3, 16, 16)
    half = StoreHalf()(OwnSums()(module))
    exact, stored = _run(module, x), _run(half, x)
    assert stored.dtype == np.float32
    error = float(np.abs(stored - exact).max() / np.abs(exact).max())
    assert 1e-6 < error < 5e-3  # rounded, and no more than that
    (name,) = (value.name for value in proto.graph.output)
    simulated = half_error(proto, {proto.graph.input[0].name: x}, {name: exact})
    assert simulated / 8 < error < 8 * simulated


def test_sums_and_arguments_stay_wide() -> None:
    half = StoreHalf()(OwnSums()(_kernels(conv_net())))
    (param, *_) = half["main"].params
    assert str(param.ty.dtype) == "float32" and str(half["main"].ret_ty.dtype) == "float32"
    kernels = [f for _, f in half.functions_items() if isinstance(f, tvm.tirx.PrimFunc)]
    inner = [f for f in kernels if "float32" not in {str(p.ty.dtype) for p in f.params}]
    assert len(inner) == len(kernels) - 2  # one takes the argument, one gives the result


def _compiled(path: Path, out: Path, *options: str, precision: str = "fp16") -> int:
    words = ["compile", str(path), "-t", MALI, "-o", str(out), "--precision", precision]
    return main([*words, *options])


@pytest.mark.parametrize(("precision", "sums"), [("fp16", "float4"), ("fp16-sums", "half4")])
def test_code_for_a_mali(
    precision: str, sums: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = save(conv_net(), tmp_path / "net.onnx")
    assert _compiled(net, tmp_path, "--json", precision=precision) == 0
    said = capsys.readouterr()
    assert f"{precision}: compiled, not executed here; error" in said.err
    (bundle,) = json.loads(said.out)["bundles"]
    made = read_bundle(tmp_path / f"net-{MALI}.tvmedge")
    check, weights = made.manifest.check, made.weights()
    assert bundle["precision"] == made.manifest.code.precision.value == precision
    assert bundle["simulated_error"] == check.simulated
    assert check.simulated is not None and 0 < check.simulated < check.tolerance < 1e-1
    assert {array.dtype.name for array in weights.values()} == {"float16"}
    code = code_of(tmp_path / f"net-{MALI}.tvmedge")
    assert any(f"{sums} conv_[" in text for text in code.kernels.values())
    assert all("half" in text for name, text in code.kernels.items() if "conv" in name)
    assert any("convert_half4" in text and "vload4" in text for text in code.kernels.values())
    if not any(map(shutil.which, CLANGS)):
        pytest.skip("clang, which checks the code, is not installed")
    assert len(mixes(code)) == len(code.kernels)


def test_sums_in_half_are_rounded_one_by_one() -> None:
    x, w = random(3, 33), random(33, 18, seed=1)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    module = _kernels(graph(nodes, {"x": x}, {"w": w}, "y"))
    made = NarrowHalves(sums=True)(StoreHalf()(OwnSums()(module)))
    want = np.zeros((3, 18), np.float16)
    for k in range(33):
        want += np.outer(x[:, k].astype(np.float16), w[k].astype(np.float16))
    np.testing.assert_allclose(_run(made, x), want.astype(np.float32), rtol=0, atol=4 * EPS)
    narrow, wide = (_run(m, x) for m in (made, StoreHalf()(OwnSums()(module))))
    assert _off(narrow, x @ w) > 1.5 * _off(wide, x @ w)
    assert sums_error(module, target(MALI), {"x": x}, {"y": x @ w}) == pytest.approx(
        max_normalised_error(narrow, x @ w), rel=0.5
    )


def _off(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(found - exact).mean())


@pytest.mark.parametrize("sums", [False, True])
def test_padded_copies_are_half_and_means_are_not(sums: bool) -> None:
    made = NarrowHalves(sums=sums)(StoreHalf()(OwnSums()(_kernels(conv_net()))))
    kernels = {v.name_hint: f for v, f in made.functions_items()}
    conv = next(f for name, f in kernels.items() if "conv" in name).script()
    assert "pad = T.sblock_alloc_buffer" in conv
    (pad,) = [line for line in conv.splitlines() if "pad = T.sblock_alloc_buffer" in line]
    assert '"float16"' in pad
    assert ("T.float32(0.0)\n" in conv) != sums  # what sums begin with
    mean = next(f for name, f in kernels.items() if "mean" in name).script()
    assert "T.float16" not in mean


def test_targets_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = save(conv_net(), tmp_path / "net.onnx")
    options = ["-t", "host", "-o", str(tmp_path / "out"), "--precision", "fp16"]
    assert main(["compile", str(net), *options]) == 2
    error = capsys.readouterr().err
    assert "--precision fp16 is for GPUs that compute in it, and target host" in error


def test_numbers_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    tensors = [tensor("x", [4, 8])], [tensor("y", [4, 8])]
    proto = model(nodes, *tensors, {"w": np.full((8,), 1e6, np.float32)})
    assert _compiled(save(proto, tmp_path / "big.onnx"), tmp_path / "out") == 2
    assert "a weight is 1e+06, which float16 cannot hold" in capsys.readouterr().err
    add = [helper.make_node("Add", ["x", "x"], ["a"]), helper.make_node("Exp", ["a"], ["y"])]
    proto = model(add, *tensors)
    x = np.full((4, 8), 6.0, np.float32)
    with pytest.raises(ValueError, match="numbers come up that float16 cannot hold"):
        half_error(proto, {"x": x}, {"y": np.exp(2 * x)})
