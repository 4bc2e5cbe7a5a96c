"""Models for Mali, compiled and run on this machine's OpenCL device."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from onnx import helper

from scripts import model_list
from scripts.bench.opencl_code import code_of
from tests.cpu_kernels import random
from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.boards.runtime import global_function
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.targeting import target_names
from tvmedge.types import DeviceKind, Form

TARGET = "host-opencl"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(conv_net(batch="N"), tmp_path_factory.mktemp("net") / "net.onnx")


@pytest.fixture(scope="module")
def bundle(net: Path) -> Path:
    shape = ["--input", "in:0:1x3x16x16"]
    assert main(["compile", str(net), "-t", TARGET, "-o", str(net.parent), *shape]) == 0
    return net.parent / f"net-{TARGET}.tvmedge"


@pytest.mark.usefixtures("programs")
def test_a_model_runs_and_is_timed(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(bundle), "--check"]) == 0
    assert main(["profile", str(bundle), "--json"]) == 0
    assert '"p50_ms"' in capsys.readouterr().out


def test_the_bundle_says_what_it_runs_on(bundle: Path) -> None:
    manifest = read_bundle(bundle).manifest
    assert manifest.target.device is DeviceKind.OPENCL
    assert manifest.code.form is Form.VM


def test_sources_are_those_of_one_kernel_each(bundle: Path) -> None:
    sources = bytes(read_bundle(bundle).code()).split(b"// Function: ")[1:]
    assert len(sources) > 3
    for source in sources:
        text = source.split(b"\0")[0]
        assert text.count(b"__kernel") == 1
        assert b"__local" not in text
    assert any(b"vload4" in source and b"vstore4" in source for source in sources)


def test_what_multiplies_loads_vectors(tmp_path: Path) -> None:
    weights = {
        "a": random(12, 3, 3, 3),
        "b": random(16, 12, 1, 1),
        "c": random(16, 1, 3, 3),
        "d": random(16, 8, 2, 2),
        "e": random(8, 2, 3, 3),
        "f": random(8 * 16 * 16, 10),
    }
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Conv", ["p", "b"], ["q"]),
        helper.make_node("Conv", ["q", "c"], ["r"], group=16, pads=[1] * 4),
        helper.make_node("ConvTranspose", ["r", "d"], ["s"], strides=[2, 2]),
        helper.make_node("Conv", ["s", "e"], ["t"], group=4, pads=[1] * 4),
        helper.make_node("Flatten", ["t"], ["u"]),
        helper.make_node("MatMul", ["u", "f"], ["y"]),
    ]
    shapes = [tensor("x", [1, 3, 16, 16])], [tensor("y", [1, 10])]
    net = save(model(nodes, *shapes, weights), tmp_path / "all.onnx")
    assert main(["compile", str(net), "-t", TARGET, "-o", str(tmp_path)]) == 0
    found = _multiplying(tmp_path / f"all-{TARGET}.tvmedge")
    assert len(found) == 6
    assert all(found.values())


def _multiplying(bundle: Path) -> dict[str, bool]:
    """Of each convolution and product whether what multiplies loads vectors; padding, sums of
    parts and Winograd's transforms are kernels of their own."""
    found: dict[str, bool] = {}
    for name, text in code_of(bundle).kernels.items():
        whole = name.partition("_kernel")[0]
        if re.search(r"conv|depthwise|transposed|dense|winograd", whole):
            found[whole] = found.get(whole, False) or "vload4" in text
    return found


def test_every_mali_is_compiled_for(net: Path, tmp_path: Path) -> None:
    names = [name for name in target_names() if name.startswith("mali-")]
    words = [word for name in names for word in ("-t", name)]
    shape = ["--input", "in:0:1x3x16x16"]
    assert main(["compile", str(net), *words, "-o", str(tmp_path), *shape]) == 0
    for name in names:
        made = read_bundle(tmp_path / f"net-{name}.tvmedge")
        code = bytes(made.code())
        assert ELFFile(io.BytesIO(code)).get_machine_arch() == "AArch64"
        assert code.count(b"__kernel") > 3
        assert made.manifest.target.device is DeviceKind.OPENCL


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("name", ["squeezenet"])
def test_a_real_model(name: str, model_path: Callable[[str], Path], tmp_path: Path) -> None:
    flags = model_list.find(name).flags()
    assert main(["compile", str(model_path(name)), "-t", TARGET, "-o", str(tmp_path), *flags]) == 0
    (made,) = tmp_path.glob("*.tvmedge")
    assert main(["run", str(made), "--check"]) == 0
    found = _multiplying(made)
    assert found and all(found.values())


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("precision", ["fp16", "fp16-sums"])
def test_half_precision_runs_or_is_refused(
    precision: str, net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-t", TARGET, "-o", str(tmp_path), "--precision", precision]
    assert main(["compile", str(net), *words, "--input", "in:0:1x3x16x16"]) == 0
    made = tmp_path / f"net-{TARGET}.tvmedge"
    if global_function("tvmedge.opencl.has_half")(0):
        assert main(["run", str(made), "--check"]) == 0
        return
    assert main(["run", str(made), "--check"]) == 4
    assert "kernels use float16, and the OpenCL device has none" in capsys.readouterr().err


def test_no_driver(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TVMEDGE_OPENCL_LIBRARY", "/nonexistent.so")
    assert main(["run", str(bundle), "--check"]) == 4
    error = capsys.readouterr().err
    assert "There is no OpenCL device here: no OpenCL driver could be loaded" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "'in:0' has open dimensions"),
        (["--input", "in:0:1x3x16x16", "--form", "library"], "which no freestanding library"),
        (["--input", "in:0:1x3x16x16", "--verify"], "--verify runs kernels on this CPU"),
    ],
)
def test_what_a_gpu_does_not_take(
    options: list[str],
    reason: str,
    net: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["compile", str(net), "-t", TARGET, "-o", str(out), *options]) == 2
    assert reason in capsys.readouterr().err
    assert not out.exists() or list(out.iterdir()) == []
