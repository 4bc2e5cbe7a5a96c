"""The CPU benchmark's judgements: who is right, who is compared, what a table says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import parser

from scripts import fetch_models
from scripts.bench import duel, forms, page, results, sources, tables
from scripts.bench.contestants.onnx_runtime import OnnxRuntime
from scripts.bench.environments import Environment
from scripts.bench.forms import Form, form
from scripts.model_list import ModelEntry, ModelInput

TIMES = {"p10_ms": 1.0, "p90_ms": 3.0, "runs": 9, "cold_ms": 5.0, "rss_kib": 2048, "error": 1e-7}

BRANCHES = """
<ir_version: 10, opset_import: ["": 18]>
g (float[N, 4] x, int64 sr) => (float[N, 4] y)
<int64 rate = {16000}>
{
    fast = Equal(sr, rate)
    y = If(fast) <
        then_branch = a () => (float[N, 4] p) { p = Relu(x) },
        else_branch = b () => (float[N, 4] q) { q = Neg(x) }
    >
}
"""


def outputs() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = [(1, 3, 4, 5), (1, 3, 4, 5), (2, 7)]
    return [generator.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


def report() -> results.Record:
    run = {
        "tvmedge": {"median_ms": 2.0, **TIMES},
        "tvmedge-vm": {"median_ms": 0.5, **TIMES},
        "onnxruntime": {"median_ms": 4.0, **TIMES},
        "iree": {"median_ms": 1.0, **TIMES},
        "ncnn": {"failed": "wrong: its error is 1.0e+00"},
    }
    forms = {name: {"seconds": 1.5, "bytes": 3_000_000} for name in run}
    forms["litert"] = {"failed": "onnx2tf lacks an operator"}
    models: list[dict[str, Any]] = [
        {"model": "squeezenet", "kind": "CNN classifier", "runs": {"1": run}, "forms": forms},
        {
            "model": "magika",
            "kind": "text CNN",
            "runs": {"1": {"tvmedge": {"median_ms": 8.0, **TIMES}}},
            "forms": {},
        },
    ]
    for record in models:
        record["load"] = {"1": 0.5}
    return {
        "machine": {"cpu": "2 x CPU", "python": "3.11", "packages": {"tvmedge": "0.1"}},
        "contestants": {"tvmedge": [], "iree": ["iree==1"], "ncnn": [], "litert": []},
        "models": models,
    }


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A model with an If over an input that is fixed, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    onnx.save(parser.parse_model(BRANCHES), tmp_path / "branches.onnx")
    monkeypatch.setattr(fetch_models, "fetch", lambda _: tmp_path / "branches.onnx")
    inputs = {"x": ModelInput(shape=(2, 4)), "sr": ModelInput(dtype="int64", value=16000)}
    return ModelEntry(
        name="branches",
        summary="s",
        package="p",
        member="m",
        size=1,
        sha256="0" * 64,
        inputs=inputs,
    )


def test_outputs_are_known_again_in_another_order_and_layout() -> None:
    first, second, third = outputs()
    assert duel.error_of([third, second, first], [first, second, third]) == 0
    assert duel.error_of([np.moveaxis(first, 1, -1)], [first]) == 0
    assert duel.error_of([first[0]], [first]) == 0


def test_what_is_wrong_is_seen() -> None:
    first, second, third = outputs()
    assert duel.error_of([first, first, third], [first, second, third]) > 0.1
    assert duel.error_of([first, second], [first, second, third]) == np.inf
    assert duel.error_of([third], [first]) == np.inf
    assert duel.error_of([third * np.float32(1.01)], [third]) == pytest.approx(0.01, rel=1e-3)


def test_the_best_peer_that_is_right_counts() -> None:
    both = report()["models"]
    assert results.ratio(both[0], 1) == 2.0
    assert results.ratio(both[0], 2) is None
    assert results.ratio(both[1], 1) is None
    assert results.summary(report()) == [
        "1 thread: 1 models, geometric mean of ours over the best peer's 2.000, "
        "largest 2.00 (squeezenet)"
    ]


def test_a_table_says_why_there_is_no_number() -> None:
    text = tables.markdown(report())
    assert "| squeezenet | 2 (1-3) | **1 (1-3)** | wrong result | not converted | 2.00 |" in text
    assert "- squeezenet, litert: onnx2tf lacks an operator" in text
    assert "- squeezenet, ncnn: wrong: its error is 1.0e+00" in text
    assert "| magika | **8 (1-3)** | not run | not run | not run |  |" in text


def test_the_page_has_all_parts() -> None:
    kernel: dict[str, Any] = {"core": "avx2", "kind": "1x1", "layer": "64x7x7 to 8, 1x1"}
    kernel |= {"ms": 0.5, "gflops": 90.4, "of_peak": 0.85, "of_limit": 0.9, "error": 2e-5}
    kernel |= {"rule": "conv", "tile": "2 vectors", "right": False}
    compiled = {"model": "squeezenet", "import_s": 1.2, "compile_s": 4.31, "cpu_s": 5.0}
    compiled |= {"cores": 2, "load": 0.5}
    made = {"machine": report()["machine"]}
    text = page.page(report(), made | {"kernels": [kernel]}, made | {"compiled": [compiled]})
    assert "| squeezenet | 1.2 | 4.3 | 5.0 | 2 | 0.5 |" in text
    assert "2 x CPU; Python 3.11, tvmedge 0.1, iree 1." in text
    row = "| avx2 | 64x7x7 to 8, 1x1 | 0.500 | 90 | 85% | 90% | 2e-05 **wrong** | conv 2 vectors |"
    assert row in text
    assert "before each model: 0.5 to 0.5." in text


def test_what_is_fixed_is_folded_in(entry: ModelEntry) -> None:
    made = sources.source(entry)
    graph = onnx.load(made.folded).graph
    assert [node.op_type for node in graph.node] == ["Relu"]
    assert [value.name for value in graph.input] == list(made.tensors()) == ["x"]
    assert made.direct == made.folded != made.model
    assert made.flags == ("--input=x:2x4", "--input=sr=16000")


def test_a_folding_that_changes_results_is_refused(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = parser.parse_model(
        '<ir_version: 10, opset_import: ["": 18]> g (float[2, 4] x) => (float[2, 4] y)'
        "{ y = Neg(x) }"
    )
    monkeypatch.setattr(sources, "_folded", lambda *_: wrong)
    with pytest.raises(ValueError, match="'branches' is wrong"):
        sources.source(entry)


def test_contestants_run_beside_one_that_cannot(entry: ModelEntry, tmp_path: Path) -> None:
    given = sources.source(entry)
    broken = tmp_path / "broken.tvmedge"
    broken.write_bytes(b"no bundle")
    forms = {"tvmedge": Form(broken), "onnxruntime": form("onnxruntime", given)}
    forms["litert"] = Form(failed="no converter")
    rows = duel.duel(forms, given.inputs, 1, duel.Pace(round_ms=1.0))
    assert set(rows) == {"tvmedge", "onnxruntime"}
    assert "broken.tvmedge" in rows["tvmedge"]["failed"]
    row = rows["onnxruntime"]
    assert row["error"] == 0 and row["runs"] > 5 and row["cold_ms"] > 0
    assert 0 < row["p10_ms"] <= row["median_ms"] <= row["p90_ms"]


def test_nobody_is_right_where_the_reference_fails(entry: ModelEntry, tmp_path: Path) -> None:
    given = sources.source(entry)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    forms = {"openvino": Form(failed="not here"), "onnxruntime": Form(broken)}
    forms["tvmedge"] = form("tvmedge", given)
    rows = duel.duel(forms, given.inputs, 1, duel.Pace(round_ms=1.0))
    assert rows["tvmedge"] == {"failed": "not checked: onnxruntime gives no result"}


def test_onnxruntime_is_timed_though_the_file_declares_a_wrong_rank(tmp_path: Path) -> None:
    text = """
    <ir_version: 10, opset_import: ["": 18]>
    g (float[6] x, int64[k] shape) => (float[a, b] y) { y = Reshape(x, shape) }
    """
    onnx.save(parser.parse_model(text), tmp_path / "rank.onnx")
    contestant = OnnxRuntime(1)
    contestant.prepare()
    inputs = {"x": np.arange(6, dtype=np.float32), "shape": np.array([1, 2, 3])}
    contestant.load(tmp_path / "rank.onnx", inputs)
    assert contestant.run()[0].shape == (1, 2, 3)
    assert len(contestant.time(3)) == 3


def test_models_of_integers_may_be_off_by_a_step(tmp_path: Path) -> None:
    head = '<ir_version: 10, opset_import: ["": 18]> g (float[4] x) => (float[4] y)'
    quantised = "{ q, s, z = DynamicQuantizeLinear(x) y = DequantizeLinear(q, s, z) }"
    for name, body in {"single": "{ y = Neg(x) }", "steps": quantised}.items():
        onnx.save(parser.parse_model(head + body), tmp_path / f"{name}.onnx")
    assert duel.worst_error(tmp_path / "single.onnx") == 1e-3
    assert duel.worst_error(tmp_path / "steps.onnx") == 0.1


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_converter_started_ends_with_it(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sources.source(entry)
    converter, started = tmp_path / "converter", tmp_path / "started"
    converter.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {started}\nwait\n")
    converter.chmod(0o755)
    monkeypatch.setattr(Environment, "python", lambda _: converter)
    monkeypatch.setattr(forms, "_DEADLINE_S", 2)
    assert form("tvm.compile", given).failed == forms._TOO_LONG
    deadline = time.monotonic() + 60
    while _runs(int(started.read_text())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(int(started.read_text()))


def test_a_conversion_is_kept_until_the_model_changes(entry: ModelEntry) -> None:
    given = sources.source(entry)
    given.folded.write_bytes(b"no model")
    first = form("tvm.compile", given)
    assert first.path is None and first.failed
    record = given.inputs.parents[2] / "forms" / "branches" / "tvm.compile" / "form.json"
    kept = record.read_text(encoding="utf-8")
    record.write_text(kept.replace('"failed": "', '"failed": "kept: '), encoding="utf-8")
    assert form("tvm.compile", given).failed == f"kept: {first.failed}"
    record.write_text(kept.replace(first.failed, forms._TOO_LONG), encoding="utf-8")
    assert form("tvm.compile", given).failed == forms._TOO_LONG
    assert form("tvm.compile", given, again=True).failed == first.failed
    given.folded.write_bytes(b"another")
    assert not form("tvm.compile", given).failed.startswith("kept: ")


def test_contestants_load_where_nothing_of_ours_is_installed() -> None:
    """Peers run in environments of their own, which have NumPy and the peer."""
    script = "import sys; sys.modules['tvmedge'] = None; import scripts.bench.child"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, timeout=60)
