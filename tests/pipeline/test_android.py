"""Android libraries are linked without bionic: nothing undefined may be unknown there."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from onnx import TensorProto, helper

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.cli import main
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.model.load import load
from tvmedge.targeting import target

ALLOWED = Path(__file__).with_name("android_symbols.txt")
# Every operator that becomes a call into libm or the runtime somewhere.
UNARY = "Exp Log Sqrt Tanh Sigmoid Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh"
UNARY += " Floor Ceil Round Softplus Elu Selu Gelu Softmax Abs Reciprocal HardSwish"


def _allowed() -> set[str]:
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def _undefined(library: bytes) -> set[str]:
    symbols = ELFFile(io.BytesIO(library)).get_section_by_name(".dynsym").iter_symbols()
    return {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name}


def _needed(library: bytes) -> list[str]:
    dynamic = ELFFile(io.BytesIO(library)).get_section_by_name(".dynamic")
    return [tag.needed for tag in dynamic.iter_tags("DT_NEEDED")]


def _many_operators(tmp_path: Path) -> Path:
    nodes = [helper.make_node(op, ["x"], [f"y_{op}"]) for op in UNARY.split()]
    nodes += [
        helper.make_node("Pow", ["x", "e"], ["y_Pow"]),
        helper.make_node("Mod", ["x", "e"], ["y_Mod"], fmod=1),
        helper.make_node("TopK", ["x", "k"], ["y_TopK", "index"]),
        helper.make_node("CumSum", ["x", "axis"], ["y_CumSum"]),
    ]
    outputs = [
        tensor(output, [4, 2 if "index" in output or "TopK" in output else 8])
        for node in nodes
        for output in node.output
    ]
    for value in outputs:
        kind = TensorProto.INT64 if value.name == "index" else TensorProto.FLOAT
        value.type.tensor_type.elem_type = kind
    weights = {
        "k": np.array([2]),
        "axis": np.array(1),
        "e": np.full((4, 8), 2.5, np.float32),
    }
    proto = model(nodes, [tensor("x", [4, 8])], outputs, weights, opset=20)
    return save(proto, tmp_path / "many.onnx")


@pytest.mark.parametrize("name", ["pixel-8", "snapdragon-8-gen-3"])
def test_undefined_symbols_are_bionics_or_tvms(name: str, tmp_path: Path) -> None:
    paths = [save(conv_net(), tmp_path / "net.onnx"), _many_operators(tmp_path)]
    found: set[str] = set()
    for path in paths:
        library = compile_model(load(path), target(name), CompileOptions()).library
        assert _needed(library) == []
        found |= _undefined(library)
    assert found and found <= _allowed(), sorted(found - _allowed())


def test_packing_a_board_folder_is_refused_in_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["board", "pack", "pixel-8", "-o", str(tmp_path / "board")]) == 2
    error = capfd.readouterr().err
    assert "pixel-8 has no board folder" in error and "--sdk DIR" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "board").exists()
