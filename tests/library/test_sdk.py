"""What an app's developer gets, built with other compilers and run under emulation."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from tests.library_runs import library_of, scheduled
from tests.onnx_models import conv_net, save
from tvmedge.compiler.library.link import static_library
from tvmedge.compiler.library.sdk import Sdk, write_sdk
from tvmedge.device.zig import zig_cc
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.targeting import TargetSpec, Toolchain, target

X = np.random.default_rng(9).standard_normal((1, 3, 16, 16)).astype(np.float32)
WANT = ReferenceEvaluator(conv_net()).run(None, {"in:0": X})[0]


def _sdk(spec: TargetSpec, folder: Path, prefix: str, sdk: Sdk | None = None) -> Path:
    net = import_model(load(save(conv_net(), folder / "net.onnx")), {})
    compiled = library_of(scheduled(net, spec), prefix)
    write_sdk(folder / prefix, compiled, spec.toolchain, sdk or Sdk(folder))
    X.tofile(folder / "x.bin")
    return folder / prefix


def _close(output: bytes, times: int = 1) -> bool:
    got = np.frombuffer(output, np.float32)
    want = np.tile(WANT.reshape(-1), times)
    return got.shape == want.shape and bool(np.abs(got - want).max() <= 1e-5 * np.abs(want).max())


def test_the_example_builds_and_runs(tmp_path: Path) -> None:
    folder = _sdk(target("host"), tmp_path, "net")
    assert sorted(path.name for path in folder.iterdir()) == [
        "CMakeLists.txt",
        "libnet.a",
        "libnet.so",
        "main.c",
        "net.h",
        "weights.safetensors",
    ]
    program = tmp_path / "program"
    strict = ["-Wall", "-Wextra", "-Werror", "-std=c11"]
    parts = [str(folder / "main.c"), str(folder / "libnet.a"), "-lm", "-o", str(program)]
    zig_cc([*strict, "-target", target("host").toolchain.triple, *parts], "the example")
    command = [str(program), str(folder / "weights.safetensors"), str(tmp_path / "x.bin")]
    assert _close(subprocess.run(command, check=True, capture_output=True).stdout)
    command[1] = command[2]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


def test_two_models_live_in_one_program(tmp_path: Path) -> None:
    """Each with its weights inside; the header is read as C++ too."""
    host = target("host")
    folders = [_sdk(host, tmp_path, name, Sdk(tmp_path, True)) for name in ("one", "two")]
    main = tmp_path / "both.c"
    runs = "".join(
        f"  {p}_io {p} = {{(const float *)x, (float *)y}};\n"
        f"  if ({p}_run(&{p}, w)) return 2;\n  fwrite(y, 1, sizeof y, stdout);\n"
        for p in ("one", "two")
    )
    main.write_text(
        '#include "one.h"\n#include "two.h"\n#include <stdio.h>\n'
        "_Alignas(64) static unsigned char x[ONE_IN_0_BYTES], y[TWO_OUT_0_BYTES], w[1 << 20];\n"
        "int main(int n, char **a) {\n"
        '  FILE *f = fopen(a[n - 1], "rb");\n'
        "  if (!f || fread(x, 1, sizeof x, f) != sizeof x) return 1;\n"
        f"{runs}  return 0;\n}}\n"
    )
    libraries = [str(f / f"lib{f.name}.a") for f in folders]
    includes = [f"-I{folder}" for folder in folders]
    program = str(tmp_path / "both")
    options = ["-target", host.toolchain.triple, *includes]
    zig_cc([*options, str(main), *libraries, "-lm", "-o", program], "two models")
    done = subprocess.run([program, str(tmp_path / "x.bin")], check=True, capture_output=True)
    assert _close(done.stdout, 2)
    (tmp_path / "header.cc").write_text('#include "one.h"\n')
    check = ["-c", "-o", str(tmp_path / "header.o"), "-std=c++17", "-Wall", "-Wextra"]
    zig_cc([*options, "-nostdinc++", *check, str(tmp_path / "header.cc")], "the header as C++")


@pytest.mark.slow  # the first time, zig builds musl: minutes
@pytest.mark.parametrize(
    ("name", "triple", "emulator"),
    [
        ("raspberry-pi-4b", "aarch64-linux-musl", ["qemu-aarch64", "-cpu", "cortex-a72"]),
        ("raspberry-pi-2", "arm-linux-musleabihf", ["qemu-arm", "-cpu", "cortex-a7"]),
    ],
)
def test_it_runs_on_emulated_arm(
    name: str, triple: str, emulator: list[str], tmp_path: Path
) -> None:
    """Linked statically with musl: an emulator and nothing else is needed."""
    if shutil.which(emulator[0]) is None:
        pytest.skip(f"{emulator[0]} is not installed")
    spec = target(name)
    folder = _sdk(spec, tmp_path, "net", Sdk(tmp_path, True))
    program = str(tmp_path / "program")
    options = ["-target", triple, "-static", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    parts = [str(folder / "main.c"), str(folder / "libnet.a"), "-lm", "-o", program]
    zig_cc([*options, *parts], "the example")
    done = subprocess.run(
        [*emulator, program, str(tmp_path / "x.bin")], check=True, capture_output=True
    )
    assert _close(done.stdout)


def test_a_microcontroller_needs_no_operating_system(tmp_path: Path) -> None:
    """Thumb code of a Cortex-M7, linked against nothing. QEMU 7.2 cannot run M cores in user
    mode; an A7 executes all that an M7 does."""
    if shutil.which("qemu-arm") is None:
        pytest.skip("qemu-arm is not installed")
    triple = "thumbv7em-none-eabihf"
    spec = dataclasses.replace(
        target("raspberry-pi-2"),
        tvm={"kind": "llvm", "mtriple": triple, "mcpu": "cortex-m7", "mfloat-abi": "hard"},
        toolchain=Toolchain("thumb-freestanding-eabihf", ("-mcpu=cortex_m7",)),
    )
    net = import_model(load(save(conv_net(), tmp_path / "net.onnx")), {})
    made = library_of(scheduled(net, spec), "net").sources(embed_weights=True)
    (tmp_path / "net.h").write_bytes(made.files["net.h"])
    (tmp_path / "libnet.a").write_bytes(static_library(made, spec.toolchain))
    X.tofile(tmp_path / "x.bin")
    program = str(tmp_path / "program")
    options = ["-target", spec.toolchain.triple, *spec.toolchain.flags, "-std=gnu23", "-O2"]
    alone = ["-fno-builtin", "-nostdlib", "-static", f"-I{tmp_path}", f"--embed-dir={tmp_path}"]
    source = str(Path(__file__).with_name("bare.c"))
    parts = [source, str(tmp_path / "libnet.a"), "-o", program]
    zig_cc([*options, *alone, *parts], "a program without an operating system")
    done = subprocess.run(
        ["qemu-arm", "-cpu", "cortex-a7", program], check=True, capture_output=True
    )
    assert _close(done.stdout)


def test_android_gets_both_libraries(tmp_path: Path) -> None:
    spec = target("pixel-8")
    folder = _sdk(spec, tmp_path, "net")
    assert (folder / "libnet.so").read_bytes()[:4] == b"\x7fELF"
    assert (folder / "libnet.a").read_bytes()[:8] == b"!<arch>\n"
