"""What an app's developer gets, built with other compilers and run under emulation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.library_sdk import both, close, sdk_of
from tvmedge.compiler.library.sdk import Sdk
from tvmedge.device.zig import zig_cc
from tvmedge.targeting import target


def test_the_example_builds_and_runs(tmp_path: Path) -> None:
    folder = sdk_of(target("host"), tmp_path, "net")
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
    assert close(subprocess.run(command, check=True, capture_output=True).stdout)
    command[1] = command[2]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


def test_two_models_live_in_one_program(tmp_path: Path) -> None:
    """Each with its weights inside; the header is read as C++ too."""
    host = target("host")
    includes, parts = both(host, tmp_path)
    program = str(tmp_path / "both")
    options = ["-target", host.toolchain.triple, *includes]
    zig_cc([*options, *parts, "-lm", "-o", program], "two models")
    done = subprocess.run([program, str(tmp_path / "x.bin")], check=True, capture_output=True)
    assert close(done.stdout, 2)
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
    folder = sdk_of(spec, tmp_path, "net", Sdk(tmp_path, True))
    program = str(tmp_path / "program")
    options = ["-target", triple, "-static", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    parts = [str(folder / "main.c"), str(folder / "libnet.a"), "-lm", "-o", program]
    zig_cc([*options, *parts], "the example")
    done = subprocess.run(
        [*emulator, program, str(tmp_path / "x.bin")], check=True, capture_output=True
    )
    assert close(done.stdout)


def test_android_gets_both_libraries(tmp_path: Path) -> None:
    spec = target("pixel-8")
    folder = sdk_of(spec, tmp_path, "net")
    assert (folder / "libnet.so").read_bytes()[:4] == b"\x7fELF"
    assert (folder / "libnet.a").read_bytes()[:8] == b"!<arch>\n"
