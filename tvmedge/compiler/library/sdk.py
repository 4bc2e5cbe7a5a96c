"""What an app's developer gets: header, libraries, an example, how CMake takes them.

``tvmedge compile MODEL -t TARGET --form library --sdk DIR`` writes DIR/<model>-<target>/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tvmedge.bundle import tensorfile
from tvmedge.compiler.library.build import Compiled
from tvmedge.compiler.library.driver import WEIGHTS
from tvmedge.compiler.library.example import example
from tvmedge.compiler.library.interface import Interface
from tvmedge.compiler.library.link import shared_library, static_library
from tvmedge.device.folders import atomic_folder
from tvmedge.device.hexagon_tools import dsp_library, hexagon_tools
from tvmedge.targeting import TargetSpec


@dataclass(frozen=True)
class Sdk:
    """``folder`` receives a subfolder a target; the weights are a file beside the library,
    or embedded in it."""

    folder: Path
    embed_weights: bool = False


def write_sdk(folder: Path, compiled: Compiled, spec: TargetSpec, sdk: Sdk) -> None:
    """Write the files of one library into ``folder``, replacing what is there. A Hexagon's has a
    shared library for the device, too, where the vendor's tools are in the environment.

    Raises:
        ToolError: zig or the vendor's tools are missing or failed, or the disk is full.
    """
    toolchain = spec.toolchain
    made = compiled.sources(embed_weights=sdk.embed_weights)
    interface = made.interface
    prefix = interface.prefix
    files = {f"{prefix}.h": made.files[f"{prefix}.h"]}
    files[f"lib{prefix}.a"] = static_library(made, toolchain)
    if toolchain.loader:
        files[f"lib{prefix}.so"] = shared_library(made, toolchain)
    if spec.board.dsp is not None and (program := hexagon_tools()) is not None:
        archive = files[f"lib{prefix}.a"]
        files[f"lib{prefix}.so"] = dsp_library(program, archive, str(spec.tvm["mcpu"]))
    files["main.c"] = example(interface).encode()
    files["CMakeLists.txt"] = _cmake(interface).encode()
    if interface.external:
        files[WEIGHTS] = b"".join(tensorfile.encode(made.weights))
    with atomic_folder(folder) as fresh:
        for name, content in files.items():
            (fresh / name).write_bytes(content)


def _cmake(interface: Interface) -> str:
    threads = interface.threads > 1
    return _CMAKE % {
        "p": interface.prefix,
        "find": "find_package(Threads REQUIRED)\n" if threads else "",
        "links": '"m;Threads::Threads"' if threads else "m",
    }


_CMAKE = """\
cmake_minimum_required(VERSION 3.13)
project(%(p)s C)
%(find)s
# In a project of yours: add_subdirectory(this folder), target_link_libraries(app %(p)s).
add_library(%(p)s STATIC IMPORTED GLOBAL)
set_target_properties(%(p)s PROPERTIES
  IMPORTED_LOCATION "${CMAKE_CURRENT_SOURCE_DIR}/lib%(p)s.a"
  INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_SOURCE_DIR}"
  INTERFACE_LINK_LIBRARIES %(links)s)

if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  add_executable(%(p)s_example main.c)
  target_link_libraries(%(p)s_example %(p)s)
endif()
"""
