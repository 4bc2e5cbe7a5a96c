"""Integer kernels by the instructions of ARM cores, on an emulated one: every code as numpy's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.onnx_models import save
from tests.quantised_cases import CASES, Known, convolution, product
from tvmedge.boards.address import parse_address
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.session import open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import compile_model
from tvmedge.errors import ToolError
from tvmedge.model.load import load
from tvmedge.targeting import target
from tvmedge.targeting.core import DotKind, core_of

pytestmark = pytest.mark.usefixtures("clean")
TARGETS = {"raspberry-pi-5": DotKind.SDOT, "snapdragon-8-gen-3": DotKind.SMMLA}
KNOWN: dict[str, Callable[[], Known]] = {
    "1x1, odd rows": lambda: convolution(CASES["1x1"], "int8"),
    "3x3": lambda: convolution(CASES["3x3"], "uint8"),
    "strided": lambda: convolution(CASES["strided"], "uint8"),
    "product": lambda: product((3, 5, 37), "int8"),
}

SLICE = {("snapdragon-8-gen-3", "1x1, odd rows"), ("snapdragon-8-gen-3", "product")}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, marks=[] if (name, case) in SLICE else pytest.mark.slow)
        for name in TARGETS
        for case in KNOWN
    ],
)
def test_codes_are_those_of_numpy(name: str, case: str, tmp_path: Path) -> None:
    spec, known = target(name), KNOWN[case]()
    try:
        require_emulator(spec)
    except ToolError as error:
        pytest.skip(str(error))
    unit = core_of(spec).integer
    assert unit is not None and unit.kind is TARGETS[name]
    np.testing.assert_array_equal(_run(known, name, tmp_path), known.expected)


def _run(known: Known, name: str, folder: Path) -> np.ndarray:
    source = save(known.graph.model(known.output), folder / "net.onnx")
    path = folder / "net.tvmedge"
    write_bundle(path, compile_model(load(source), target(name)))
    with open_session(parse_address("emulated"), path) as session:
        (result,) = session.run(known.graph.inputs).values()
    return result
