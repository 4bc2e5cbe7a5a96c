"""``tvmedge compile`` from the command line: bundles, bad input, interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.onnx_models import conv_net, save
from tests.small_disk import small_disk
from tvmedge.bundle import read_bundle
from tvmedge.cli import INTERRUPTED, main
from tvmedge.targeting import target_names

COMPILE = [sys.executable, "-m", "tvmedge", "compile"]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return save(conv_net(batch="N"), tmp_path / "net.onnx")


def _compile(net: Path, out: Path, *more: str) -> int:
    shape = ["--input", "in:0:1x3x16x16"]
    return main(["compile", str(net), "-t", "host", "-o", str(out), *shape, *more])


def test_one_bundle_a_target_with_a_complete_manifest(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _compile(net, out, "-t", "raspberry-pi-4b", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"].startswith("1.")
    assert [b["target"] for b in document["bundles"]] == ["host", "raspberry-pi-4b"]
    assert document["bundles"][0]["kernels"]["total"] > 0
    bundle = read_bundle(out / "net-raspberry-pi-4b.tvmedge")
    assert bundle.manifest.target.triple.startswith("aarch64")
    assert bundle.manifest.check.reference.startswith("onnxruntime ")
    assert [s.name for s in bundle.manifest.signature.inputs] == ["in:0"]
    assert set(bundle.manifest.versions) == {"llvm", "tvm", "tvm_ffi", "tvmedge", "zig"}
    assert {p.name for p in out.iterdir()} == {
        "net-host.tvmedge",
        "net-raspberry-pi-4b.tvmedge",
    }


def test_weights_are_apart_from_code(net: Path, tmp_path: Path) -> None:
    least = {"library": 512, "vm": 4096}
    for form, size in least.items():
        assert _compile(net, tmp_path / "out", "--form", form) == 0
        bundle = read_bundle(tmp_path / "out" / "net-host.tvmedge")
        sizes = [array.nbytes for array in bundle.weights().values()]
        assert min(sizes) >= size
        assert max(sizes) == 16 * 128 * 4  # fc/w
        assert len(sizes) == 1 or form == "library"


@pytest.mark.parametrize("target", ["host", "raspberry-pi-4b"])
def test_the_same_inputs_give_the_same_bytes(net: Path, tmp_path: Path, target: str) -> None:
    contents = []
    for run in ("a", "b"):
        command = [*COMPILE, str(net), "-t", target, "--input", "in:0:1x3x16x16"]
        subprocess.run([*command, "-o", str(tmp_path / run)], check=True, timeout=120)
        contents.append((tmp_path / run / f"net-{target}.tvmedge").read_bytes())
    assert contents[0] == contents[1]


def test_the_ir_is_dumped_after_every_phase(net: Path, tmp_path: Path) -> None:
    dump = tmp_path / "ir"
    assert _compile(net, tmp_path / "out", "--dump-ir", str(dump), "--form", "vm") == 0
    names = sorted(p.name for p in (dump / "host").iterdir())
    assert names[0] == "00-simplify.py"
    assert [n.partition("-")[2] for n in names] == [
        f"{phase}.py"
        for phase in (
            "simplify",
            "layout",
            "dispatch",
            "legalize",
            "fuse",
            "schedule",
            "lift_weights",
            "calls",
            "memory",
            "vm",
        )
    ]
    assert "T.vectorized" in (dump / "host" / "05-schedule.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-t", "raspbery-pi-4"], 2, "raspberry-pi-4b"),
        (["-t", "host", "--input", "x:1"], 2, "no input 'x' (valid: in:0)"),
        (["-t", "host", "--input", "in:0:1x3"], 2, "rank"),
        (["-t", "host", "--input", "nonsense"], 2, "no shape"),
        (["-t", "host", "--inputs", "x:1"], 2, "--input"),
        ([], 2, "--target"),
    ],
)
def test_bad_usage_is_one_sentence(
    net: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    out = tmp_path / "out"
    assert main(["compile", str(net), "-o", str(out), *arguments]) == code
    error = capfd.readouterr().err
    assert says in error
    assert error.startswith("tvmedge: ") and error.count("\n") == 1, error
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("content", [b"", b"not onnx at all", b"\x08\x07\x12\x04test"])
def test_a_file_that_is_no_model(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path)]) == 2
    error = capfd.readouterr().err
    assert "bad.onnx" in error and error.count("\n") == 1


@pytest.mark.parametrize("full", ["out", "tmp"])
def test_a_full_disk_leaves_nothing_behind(net: Path, tmp_path: Path, full: str) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        out = disk if full == "out" else tmp_path / "out"
        command = [*COMPILE, str(net), "-t", "host", "--input", "in:0:1x3x16x16", "-o", str(out)]
        environment = {**os.environ, "TMPDIR": str(disk if full == "tmp" else tmp_path)}
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert done.returncode == 6, done.stderr
        assert "space" in done.stderr and done.stderr.count("\n") == 1
        assert not list(disk.iterdir())
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("delay", [0.0, 0.15, 0.3])
def test_ctrl_c_leaves_nothing_behind(net: Path, tmp_path: Path, lines: int, delay: float) -> None:
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    targets = [word for name in target_names() for word in ("-t", name)]
    with subprocess.Popen(
        [*COMPILE, str(net), *targets, "--input", "in:0:1x3x16x16", "-o", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for _ in range(lines):  # "imported", then one for each target
            assert process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
        assert process.wait(timeout=60) == 130, error
    assert error.endswith(f"tvmedge: {INTERRUPTED}\n")
    assert "Traceback" not in error
    assert not list(temporary.iterdir())
    for path in out.iterdir() if out.exists() else ():
        read_bundle(path)  # a bundle that exists is whole


def test_explain_names_the_rule_of_every_kernel(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _compile(net, tmp_path / "out", "--explain", "--json") == 0
    captured = capsys.readouterr()
    kernels = json.loads(captured.out)["bundles"][0]["kernels"]
    assert len(kernels["rules"]) == kernels["total"]
    assert {"conv"} <= {choice["rule"] for choice in kernels["rules"].values()}
    assert "by rule:" in captured.err
