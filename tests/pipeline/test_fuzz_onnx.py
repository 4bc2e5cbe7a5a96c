"""Damaged models: a fixed-seed slice of ``scripts/fuzz_onnx.py``, and what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from scripts.fuzz.mutants import mutant
from scripts.fuzz.trial import fault
from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.cli import main
from tvmedge.model.importer import import_model
from tvmedge.model.load import load

SCRIPT = Path(__file__).parents[2] / "scripts/fuzz_onnx.py"


def test_sixty_mutants_end_in_a_bundle_or_a_sentence(tmp_path: Path) -> None:
    result = tmp_path / "fuzz.json"
    options = ["--count", "60", "--seed", "7", "--jobs", "2", "--out", str(result)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    document = json.loads(result.read_text())
    assert document["faults"] == []
    assert done.returncode == 0, done.stderr
    for verb in ("inspect", "compile"):
        assert set(document["endings"][verb]) == {"compiles", "refused"}


def test_a_mutant_is_the_same_every_time() -> None:
    assert mutant(3, 17) == mutant(3, 17)
    assert len({mutant(3, index).content for index in range(20)}) > 15


@pytest.mark.parametrize(
    ("code", "stderr", "verdict"),
    [
        (0, "", None),
        (2, "tvmedge: Model 'm' is bad: export it again.\n", None),
        (2, "tvmedge: one.\ntvmedge: two.\n", "2 lines of stderr"),
        (2, "", "0 lines of stderr"),
        (2, "tvmedge: no stop\n", "no sentence"),
        (1, "tvmedge: Internal error.\n", "exit code 1"),
        (2, "Traceback (most recent call last)\n", "traceback"),
        (0, "[17:10:23] warning\n", "noise on stderr"),
        (-11, "", "crash by signal 11"),
    ],
)
def test_verdicts(code: int, stderr: str, verdict: str | None) -> None:
    assert fault(code, stderr) == verdict


@pytest.mark.parametrize(
    "entries",
    [{"location": "w\0"}, {"location": "w", "offset": "x"}, {"location": "w", "length": "-1"}],
)
def test_malformed_external_data_is_a_sentence(
    entries: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    proto = conv_net()
    weight = proto.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    assert main(["inspect", str(path)]) == 2
    error = capfd.readouterr().err
    assert "malformed external data" in error and error.count("\n") == 1


@pytest.mark.parametrize("inputs", [["a"], ["a", "parts"]])
def test_a_split_into_billions_of_parts_is_refused_at_once(
    inputs: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("SplitToSequence", inputs, ["s"], axis=0),
        helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0),
    ]
    ports = [tensor("x", [1 << 31 if len(inputs) == 1 else 8])]
    ports += [tensor("parts", [1 << 31], TensorProto.INT64)] * (len(inputs) - 1)
    proto = model(nodes, ports, [tensor("y", [None])])
    assert main(["inspect", str(save(proto, tmp_path / "m.onnx"))]) == 2
    assert "SplitToSequence" in capfd.readouterr().err


def test_a_lookup_cannot_leave_its_table(tmp_path: Path) -> None:
    node = helper.make_node("Gather", ["w", "i"], ["y"])
    weights = {"w": np.ones((4, 2), np.float32)}
    proto = model([node], [tensor("i", [3], TensorProto.INT64)], [tensor("y", [3, 2])], weights)
    imported = import_model(load(save(proto, tmp_path / "m.onnx")), {})
    text = imported.module.script()
    assert 'mode="clip"' in text and 'mode="fast"' not in text


def test_an_input_beyond_memory_is_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    shape = [1 << 20, 1 << 20, 1 << 10]
    path = save(model([node], [tensor("x", shape)], [tensor("y", shape)]), tmp_path / "m.onnx")
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path)]) == 2
    error = capfd.readouterr().err
    assert "memory" in error and error.count("\n") == 1


def test_what_libraries_print_stays_off_stderr(tmp_path: Path) -> None:
    program = (
        "import os\nfrom tvmedge.cli import native_noise as n\nimport sys\n"
        "with n.own_stderr(), n.native_noise_logged():\n"
        "    os.write(2, b'from C++')\n    print('ours', file=sys.stderr)\n"
        "os.write(2, b'after')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == "ours\nafter"


def test_onnx_protobuf_bounds_nesting() -> None:
    """What parses is shallow enough for every recursion behind the parser."""
    body = onnx.GraphProto()
    root = body
    for _ in range(200):
        body = body.node.add().attribute.add(type=onnx.AttributeProto.GRAPH).g
    with pytest.raises(Exception, match=r"(?i)depth|parsing"):
        onnx.GraphProto.FromString(root.SerializeToString())
