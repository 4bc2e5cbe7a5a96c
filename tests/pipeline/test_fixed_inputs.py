"""``--input NAME=VALUE``: a constant in the code, named in the bundle, right when it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from scripts import model_list
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.model.load import load
from tvmedge.targeting import target

# As silero-vad has it: what the branches give has different types inside.
RATES = """<ir_version: 8, opset_import: ["": 18]>
rates (float[1, N] x, int64 sr, float[2] gain) => (float[1, M] y)
{
    high = Constant <value_int: int = 16000> ()
    is_high = Equal (sr, high)
    y = If (is_high) <
        then_branch = up () => (float[1, K] a) {
            step = Constant <value_ints: ints = [2]> ()
            first = Constant <value_ints: ints = [0]> ()
            end = Constant <value_ints: ints = [1000]> ()
            axis = Constant <value_ints: ints = [1]> ()
            half = Slice (x, first, end, axis, step)
            a = Mul (half, gain)
        },
        else_branch = down () => (float[1, L] b) { b = Neg (x) }
    >
}"""


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    path = tmp_path / "rates.onnx"
    onnx.save(onnx.parser.parse_model(RATES), path)
    return path


def test_a_branch_is_chosen_and_the_bundle_says_so(rates: Path, tmp_path: Path) -> None:
    flags = ["--input", "sr=16000", "--input", "gain=[2, 3]", "--input", "x:1x4"]
    assert main(["compile", str(rates), "-t", "host", "-o", str(tmp_path), *flags]) == 0
    path = tmp_path / "rates-host.tvmedge"
    manifest = read_bundle(path).manifest
    assert [spec.name for spec in manifest.signature.inputs] == ["x"]
    fixed = {entry.name: (entry.dtype, entry.shape, entry.value) for entry in manifest.fixed_inputs}
    assert fixed == {"sr": ("int64", (), (16000,)), "gain": ("float32", (2,), (2.0, 3.0))}
    x, y = tmp_path / "x.npy", tmp_path / "y.npz"
    np.save(x, np.array([[1, 2, 3, 4]], np.float32))
    assert main(["run", str(path), "--check", "--input", f"x={x}", "--output", str(y)]) == 0
    np.testing.assert_array_equal(np.load(y)["y"], [[2, 9]])


def test_in_python(rates: Path) -> None:
    gain = np.array([1, 1], np.float32)
    options = CompileOptions(shapes={"x": (1, 4)}, values={"sr": 8000, "gain": gain})
    contents = compile_model(load(rates), target("host"), options)
    np.testing.assert_array_equal(contents.check_outputs["y"], -contents.check_inputs["x"])
    assert [entry.value for entry in contents.fixed_inputs] == [(8000,), (1.0, 1.0)]


def test_an_output_that_is_a_fixed_input(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["": 18]> g (float[2] x, float[2] n) => (float[2] y, n)'
    path = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(text.replace(", n)", ")") + " { y = Add (x, n) }"), path)
    proto = onnx.load(path)
    proto.graph.output.append(proto.graph.input[1])
    onnx.save(proto, path)
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path), "--input=n=[1,2]"]) == 0
    assert main(["run", str(tmp_path / "m-host.tvmedge"), "--check"]) == 0


def test_inspect_shows_it(rates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--input", "sr=8000", "--input", "x:1x4"]
    assert main(["inspect", str(rates), "--json", *flags]) == 0
    printed = capsys.readouterr()
    assert "fixed       sr: int64 [] = 8000" in printed.err
    document = json.loads(printed.out)
    assert document["fixed_inputs"][0]["value"] == [8000]
    assert [port["name"] for port in document["inputs"]] == ["x", "gain"]


@pytest.mark.parametrize("verb", [["inspect"], ["compile", "-t", "host"]])
def test_a_bad_value_is_one_sentence(
    rates: Path, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    assert main([verb[0], str(rates), *verb[1:], "--input", "sr=1.5"]) == 2
    message = capsys.readouterr().err
    assert "input 'sr' is int64" in message and message.count("\n") == 1


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize(("rate", "samples"), [(16000, 576), (8000, 288)])
def test_both_rates_of_silero_vad(
    model_path: Callable[[str], Path], tmp_path: Path, rate: int, samples: int
) -> None:
    entry = model_list.find("silero-vad")
    assert entry.inputs["sr"].value == 16000
    path = model_path("silero-vad")
    flags = [f"--input=sr={rate}", f"--input=input:1x{samples}", "--input=state:2x1x128"]
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path), *flags]) == 0
    assert main(["run", str(next(tmp_path.glob("*.tvmedge"))), "--check"]) == 0
