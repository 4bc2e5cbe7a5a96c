"""What a bundle says of its activations is what a run takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tvm
from onnx import helper, numpy_helper
from tvm import relax

from tests.onnx_models import save
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import Bundle, Form, read_bundle
from tvmedge.cli import main

RESULT = 4 * 8 * 4


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """Padded convolutions of a large image: 2 MiB in, 4 MiB a tensor between, 128 bytes out."""
    random = np.random.default_rng(0)
    weights = {
        "w": random.uniform(-1, 1, (16, 8, 3, 3)).astype(np.float32),
        "v": random.uniform(-1, 1, (16, 16, 3, 3)).astype(np.float32),
    }
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], **pads),
        helper.make_node("Conv", ["a", "v"], ["b"], **pads),
        helper.make_node("Add", ["b", "a"], ["c"]),
        helper.make_node("Conv", ["c", "v"], ["d"], **pads),
        helper.make_node("AveragePool", ["d"], ["y"], kernel_shape=[64, 64], strides=[128, 256]),
    ]
    kind = 1
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, (1, 8, 256, 256))],
        [helper.make_tensor_value_info("y", kind, (1, 16, 2, 1))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    return save(helper.make_model(made, opset_imports=opset, ir_version=10), tmp_path / "net.onnx")


def _compiled(net: Path, form: Form, capsys: pytest.CaptureFixture[str]) -> Bundle:
    arguments = ["compile", str(net), "-t", "host", "-o", str(net.parent)]
    assert main([*arguments, "--form", form.value, "--json"]) == 0
    captured = capsys.readouterr()
    (said,) = json.loads(captured.out)["bundles"]
    bundle = read_bundle(net.parent / "net-host.tvmedge")
    code = bundle.manifest.code
    assert (code.activation_bytes, code.activation_bound) == (
        said["activation_bytes"],
        said["activation_bound"],
    )
    assert f"memory of activations: {code.activation_bytes} bytes" in captured.err
    return bundle


@pytest.mark.parametrize("form", Form)
def test_a_run_takes_what_the_bundle_says(
    net: Path, form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = _compiled(net, form, capsys)
    code = bundle.manifest.code
    assert code.activation_bytes is not None and code.activation_bound is not None
    assert 8 << 20 < code.activation_bound <= code.activation_bytes < 20 << 20
    with open_session(parse_address("local"), bundle) as session:
        status = Path(f"/proc/{session._process._process.pid}/status")
        before = _peak_bytes(status)
        session.time(3)
        grown = _peak_bytes(status) - before
    assert 0.9 * code.activation_bytes < grown < 1.1 * code.activation_bytes + (1 << 20)


def _peak_bytes(status: Path) -> int:
    return int(re.findall(r"VmHWM:\s*(\d+)", status.read_text())[0]) * 1024


def test_the_vm_allocates_what_was_planned_and_then_no_more(
    net: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Twice the results: the VM holds those of the last run while it makes the next."""
    bundle = _compiled(net, Form.VM, capsys)
    library = tmp_path / "model.so"
    library.write_bytes(bundle.code())
    machine = relax.VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())
    planned: list[list[int]] = []
    places: list[set[int]] = []

    def look(_: object, name: str, before: bool, result: object, *arguments: object) -> None:
        if name == "vm.builtin.alloc_storage" and before:
            planned[-1].append(int(np.prod(list(arguments[1]))))
        if name == "vm.builtin.alloc_tensor" and not before:
            places[-1].add(np.from_dlpack(result).ctypes.data)

    machine.set_instrument(look)
    random = np.random.default_rng(0)
    given = [random.random((1, 8, 256, 256)).astype(np.float32), *bundle.weights().values()]
    machine.set_input("main", *map(tvm.runtime.tensor, given))
    for _ in range(4):
        planned.append([])
        places.append(set())
        machine.invoke_stateful("main")
    assert planned[1:] == planned[:-1]
    assert places[2] | places[3] <= places[0] | places[1]
    assert bundle.manifest.code.activation_bytes is not None
    scratch = bundle.manifest.code.activation_bytes - (sum(planned[0]) - RESULT)
    padded = 16 * 264 * 264 * 4  # the most that a kernel copies here
    assert 0 <= scratch <= padded


@pytest.mark.parametrize("form", Form)
def test_later_runs_ask_the_system_for_no_memory(
    net: Path, form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    """4 MiB a tensor are a thousand pages, each a fault where it is new."""
    with open_session(parse_address("local"), _compiled(net, form, capsys)) as session:
        session.time(2)
        before = _page_faults(session._process._process.pid)
        session.time(5)
        assert _page_faults(session._process._process.pid) - before < 500


def _page_faults(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[7])
