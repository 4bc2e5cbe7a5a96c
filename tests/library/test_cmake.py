"""The SDK's CMakeLists.txt in projects of other people's, with their compilers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.library_sdk import close, emulated, sdk_of
from tvmedge.compiler.library.sdk import Sdk
from tvmedge.targeting import target

FIRMWARE = Path(__file__).with_name("firmware")
CORTEX_M = ("cortex-m7", "cortex-m55")
APP = """\
cmake_minimum_required(VERSION 3.13)
project(app C)
add_subdirectory(one)
add_subdirectory(two)
add_executable(app {sources})
target_compile_options(app PRIVATE -std=gnu11 -Wall -Wextra -Werror)
target_link_libraries(app one two)
"""
MAIN = """\
#include "one.h"
#include "two.h"
#include <stdio.h>
_Alignas(64) static unsigned char x[ONE_IN_0_BYTES], y[ONE_OUT_0_BYTES], work[1 << 16];
_Static_assert(sizeof work >= ONE_WORKSPACE_BYTES && sizeof work >= TWO_WORKSPACE_BYTES, "");
int main(int count, char **arguments) {
  FILE *file = fopen(arguments[count - 1], "rb");
  if (!file || fread(x, 1, sizeof x, file) != sizeof x) return 1;
  one_io one = {.in_0 = (const float *)x, .out_0 = (float *)y};
  if (one_run(&one, work)) return 2;
  fwrite(y, 1, sizeof y, stdout);
  two_io two = {.in_0 = (const float *)x, .out_0 = (float *)y};
  if (two_run(&two, work)) return 3;
  fwrite(y, 1, sizeof y, stdout);
  return 0;
}
"""


def _require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def _built(project: Path, build: Path, *options: str) -> str:
    """Build with CMake and make; what they said, of which none may be a linker's warning."""
    commands = (
        ["cmake", "-S", str(project), "-B", str(build), "-G", "Unix Makefiles", *options],
        ["cmake", "--build", str(build)],
    )
    said = ""
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
        assert done.returncode == 0, said
    return said


@pytest.mark.parametrize("threads", [1, 2])
def test_cmake_builds_the_example(threads: int, tmp_path: Path) -> None:
    _require("cmake", "make", "gcc")
    folder = sdk_of(target("host"), tmp_path, "net", threads=threads)
    _built(folder, tmp_path / "build", "-DCMAKE_C_COMPILER=gcc")
    program = str(tmp_path / "build" / "net_example")
    command = [program, str(folder / "weights.safetensors"), str(tmp_path / "x.bin")]
    assert close(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def _app(name: str, folder: Path, *more: str) -> Path:
    """A project with two models and nothing of their examples; its files' folder."""
    for prefix in ("one", "two"):
        sdk_of(target(name), folder, prefix, Sdk(folder, True))
    (folder / "main.c").write_text(MAIN)
    (folder / "CMakeLists.txt").write_text(APP.format(sources=" ".join(("main.c", *more))))
    return folder


def test_a_project_takes_two_models(tmp_path: Path) -> None:
    _require("cmake", "make", "gcc")
    said = _built(_app("host", tmp_path), tmp_path / "build", "-DCMAKE_C_COMPILER=gcc")
    assert "example" not in said
    command = [str(tmp_path / "build" / "app"), str(tmp_path / "x.bin")]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert close(done.stdout, 2)


@pytest.mark.parametrize("name", CORTEX_M)
def test_firmware_of_gcc_and_newlib_takes_two_models(name: str, tmp_path: Path) -> None:
    """Linked without a warning about how the libraries were compiled; run on the whole machine."""
    _require("cmake", "make", "arm-none-eabi-gcc")
    files = FIRMWARE / "toolchain.cmake"
    app = _app(name, tmp_path, str(FIRMWARE / "start.c"))
    said = _built(app, tmp_path / "build", f"-DCMAKE_TOOLCHAIN_FILE={files}", f"-DCORE={name}")
    assert [line for line in said.splitlines() if "warning" in line and ".a(" in line] == []
    program = tmp_path / "build" / "app"
    assert close(emulated(target(name), program, ["app", str(tmp_path / "x.bin")]), 2)
