"""The files of a library from its sources, by zig for any target."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tvmedge.compiler.library.build import Sources
from tvmedge.compiler.link import linker
from tvmedge.device.linked_server import link_server
from tvmedge.device.zig import zig_archive, zig_cc
from tvmedge.resources import device_sources, temporary_folder
from tvmedge.targeting import TargetSpec, Toolchain

_INCLUDED = (Path(__file__).parent, device_sources())  # pool.h, sha256.h
_OBJECT = ("-std=gnu23", "-O2", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-c")


def bundled_library(sources: Sources, toolchain: Toolchain) -> bytes:
    """What a bundle carries: for the board's loader, or an archive where it has none.

    Raises:
        ToolError: zig is missing or failed, or the disk is full.
    """
    make = shared_library if toolchain.loader else static_library
    return make(sources, toolchain)


def bundled_program(spec: TargetSpec, archive: bytes, prefix: str) -> bytes | None:
    """The archive linked with our server, for the bundle of a board that loads no libraries.

    None for one that loads them, and for one without an operating system, where a program is
    its owner's (the machine that QEMU imitates gets one when it runs).

    Raises:
        ToolError: zig is missing or failed, or the disk is full.
    """
    if spec.toolchain.loader or (spec.emulator and spec.emulator.machine):
        return None
    with temporary_folder() as folder:
        program = folder / "program"
        link_server(spec, archive, prefix, program)
        return program.read_bytes()


def shared_library(sources: Sources, toolchain: Toolchain) -> bytes:
    """The library for a dynamic loader.

    Raises:
        ToolError: zig is missing or failed, or the disk is full.
    """
    with _objects(sources, toolchain) as objects:
        output = objects[0].with_name("model.so")
        # glibc before 2.34 has threads in a library of their own.
        threads = ["-lpthread"] if sources.interface.threads > 1 else []
        linker(toolchain)(str(output), [*map(str, objects), *threads], [])
        return output.read_bytes()


def static_library(sources: Sources, toolchain: Toolchain) -> bytes:
    """An archive of one relocatable object, whose kernels other objects do not see.

    Raises:
        ToolError: zig is missing or failed, or the disk is full.
    """
    with _objects(sources, toolchain) as objects:
        whole = objects[0].with_name(f"{sources.interface.prefix}.o")
        options = ["-target", toolchain.triple, *toolchain.flags, "-r", "-nostdlib", "-Wl,-S"]
        zig_cc([*options, "-o", str(whole), *map(str, objects)], "the static library")
        archive = whole.with_suffix(".a")
        zig_archive(archive, [whole])
        return archive.read_bytes()


@contextlib.contextmanager
def _objects(sources: Sources, toolchain: Toolchain) -> Iterator[list[Path]]:
    """The driver's and the kernels' objects, in a folder of their own."""
    with temporary_folder("tvmedge-library-") as folder:
        for file, content in sources.files.items():
            (folder / file).write_bytes(content)
        driver = folder / "driver.o"
        kernels = [folder / f"kernels{index}.o" for index in range(len(sources.kernels))]
        for path, data in zip(kernels, sources.kernels, strict=True):
            path.write_bytes(data)
        options = ["-target", toolchain.triple, *toolchain.flags, *_OBJECT]
        options += [f"-I{path}" for path in _INCLUDED]
        zig_cc([*options, "-o", str(driver), str(folder / "driver.c")], "the library's driver")
        yield [driver, *kernels]
