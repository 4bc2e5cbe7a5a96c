"""What the OpenCL benchmark reads from compiled models, and what its page says."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from scripts.bench import opencl_page
from scripts.bench.contestants import ON_OPENCL
from scripts.bench.duel import Entrant
from scripts.bench.opencl_code import CLANGS, COLUMNS, Code, code_of, mixes
from tvmedge.errors import ToolError

OURS, UPSTREAM = ON_OPENCL
SCALED = """\
__kernel void scaled(__global float* restrict y, __global float* restrict x) {
  int i = get_global_id(0);
  vstore4(vload4(i, x) * 2.0f + 1.0f, i, y);
}
"""
STAGED = """\
__kernel void staged(__global float* restrict y, __global float* restrict x) {
  __local float kept[64];
  kept[get_local_id(0)] = x[get_global_id(0)];
  barrier(CLK_LOCAL_MEM_FENCE);
  y[get_global_id(0)] = kept[63 - get_local_id(0)];
}
"""
ELF = b"\x7fELF..\0"


def test_sources_are_found_in_a_library(tmp_path: Path) -> None:
    file = tmp_path / "model.so"
    declared = "__kernel void staged(__global float* x);\n"
    text = f"// Function: scaled\n{declared}{SCALED}// Function: staged\n{STAGED}"
    file.write_bytes(ELF + text.encode() + b"\0\1\2more")
    code = code_of(file)
    assert code.bytes == len(text)
    assert code.kernels == {"scaled": SCALED, "staged": STAGED}
    assert (code.local, code.vectors) == (1, 1)


def _clang() -> None:
    if not any(map(shutil.which, CLANGS)):
        pytest.skip("clang is not installed")


def test_a_mix_is_what_clang_makes() -> None:
    _clang()
    found = mixes(Code(0, {"scaled": SCALED, "staged": STAGED}))
    scaled, staged = found["scaled"], found["staged"]
    assert (scaled.vector_loads, scaled.loads, scaled.fma) == (1, 0, 1)
    assert (scaled.vector_stores, scaled.stores, scaled.barriers) == (1, 0, 0)
    assert (staged.loads, staged.stores, staged.barriers) == (2, 2, 1)


def test_what_clang_refuses_is_said() -> None:
    _clang()
    with pytest.raises(ToolError, match=r"clang refuses the kernels: .*flaot"):
        mixes(Code(0, {"k": "__kernel void k() { flaot x; }"}))


def test_a_first_run_that_takes_too_long_is_left_out() -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    started = time.monotonic()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as words,
        subprocess.Popen(
            sleeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        entrant = Entrant("slow", process, words)
        entrant.start(0.1)
    assert entrant.failed == "no result within 0.1 s"
    assert time.monotonic() - started < 300


def test_the_page() -> None:
    mix = {"k": " ".join("1" for _ in COLUMNS)}
    code = {"kernels": 1, "source_bytes": 2000, "local": 0, "vector_loads": 1, "mix": mix}
    times = {"error": 1e-7, "cold_ms": 1500.0}
    record = {
        "model": "squeezenet",
        "load": 0.5,
        "forms": {UPSTREAM: {"failed": "it converts for more than 300 s"}},
        "code": {OURS: code, UPSTREAM: {**code, "source_bytes": 20000, "local": 1}},
        "runs": {
            OURS: {**times, "median_ms": 2.0},
            UPSTREAM: {**times, "median_ms": 8.0},
            "tvmedge": {**times, "median_ms": 0.5},
        },
    }
    text = opencl_page.page({"models": [record]})
    assert "upstream's warm time over ours: geometric mean 4.0" in text
    assert "upstream's source over ours: geometric mean 10.0" in text
    assert "| squeezenet | 1 / 1 | 2 / 20 | 0 / 1 | 1 / 1 |" in text
    assert "| squeezenet | 2.00 | 8.00 | 4.0 | 0.50 | 1.50 | 1.50 | 1e-07 | 1e-07 | 0.5 |" in text
    assert "Left out: squeezenet, tvm.compile-opencl: it converts for more" in text
    assert "squeezenet" in opencl_page.line(record)
