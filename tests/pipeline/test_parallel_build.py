"""A module's kernels are built in parts at once, the same parts everywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import tirx

from tests.library_runs import Loaded, Scheduled, library_of, same, scheduled, vm_outputs
from tests.onnx_models import conv_net, save
from tvmedge.compiler import parallel_build
from tvmedge.compiler.build import vm_code
from tvmedge.compiler.parallel_build import MOST_PARTS, all_at_once, parted
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.targeting import target


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduled:
    """A small model, of which every kernel is worth a part."""
    monkeypatch.setattr(parallel_build, "KERNELS", 1)
    path = save(conv_net(), tmp_path / "net.onnx")
    return scheduled(import_model(load(path), {}), target("host"))


def _kernels(module: tvm.IRModule) -> list[str]:
    return [v.name_hint for v, f in module.functions_items() if isinstance(f, tirx.PrimFunc)]


def test_parts_have_every_kernel_once_and_the_first_everything_else(net: Scheduled) -> None:
    module = net.lifted.module
    first, *others = parted(module)
    assert 0 < len(others) < MOST_PARTS
    assert sorted(_kernels(module)) == sorted(
        k for part in (first, *others) for k in _kernels(part)
    )
    assert "main" in {variable.name_hint for variable in first.functions}


def test_a_library_of_parts_computes_the_same(net: Scheduled, tmp_path: Path) -> None:
    made = library_of(net)
    assert len(made.kernels) > 1
    x = [np.random.default_rng(3).standard_normal((1, 3, 16, 16)).astype("float32")]
    assert same(Loaded(made.sources(), net.spec, tmp_path).run(x), vm_outputs(net, x))


def test_code_for_the_vm_has_the_kernels_of_all_parts(net: Scheduled, tmp_path: Path) -> None:
    code, again = (vm_code(net.lifted, net.spec).file for _ in range(2))
    assert code == again
    library = tmp_path / "model.so"
    library.write_bytes(code)
    symbols = subprocess.run(
        ["readelf", "-W", "--dyn-syms", str(library)], check=True, capture_output=True, text=True
    ).stdout
    assert all(f"_{kernel}\n" in symbols for kernel in _kernels(net.lifted.module))


def test_the_first_job_that_fails_is_heard_of() -> None:
    def fail() -> int:
        raise ValueError("no such kernel")

    assert all_at_once([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]
    with pytest.raises(ValueError, match="no such kernel"):
        all_at_once([lambda: 1, fail])
