"""Builds tvmedge-session, which confines what runs on a board: static, so that it runs on any."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from tvmedge.device.build_server import SERVER_FLAGS
from tvmedge.device.built import build_key
from tvmedge.device.zig import zig_cc
from tvmedge.errors import InputError
from tvmedge.resources import atomic_path, cache_dir, device_sources

_TRIPLES = {
    "x86_64": "x86_64-linux-musl",
    "aarch64": "aarch64-linux-musl",
    "arm": "arm-linux-musleabihf",
}


def build_session(architecture: str | None = None) -> Path:
    """The program for Linux on an architecture (None: this machine's), built when not cached.

    Raises:
        InputError: there is none for that architecture.
        ToolError: the compiler is missing or fails, or the disk is full.
    """
    triple = _triple(architecture or platform.machine())
    shared = device_sources()
    sources = [*sorted((shared / "session").glob("*.[ch]")), *sorted(shared.glob("sha256*.h"))]
    program = cache_dir("server") / f"tvmedge-session-{build_key(triple, SERVER_FLAGS, sources)}"
    if not program.is_file():
        code = [str(path) for path in sources if path.suffix == ".c"]
        version = f'-DTVMEDGE_VERSION="{metadata.version("tvmedge")}"'
        arguments = [f"--target={triple}", *SERVER_FLAGS, "-static", version]
        arguments += [f"-I{shared}", *code]
        with atomic_path(program) as temporary:
            zig_cc([*arguments, "-o", str(temporary)], f"the session program for {triple}")
    program.chmod(0o755)
    return program


def _triple(architecture: str) -> str:
    name = "arm" if architecture.startswith("arm") else architecture
    if name not in _TRIPLES:
        raise InputError(
            f"There is no session program for {architecture}: boards are {', '.join(_TRIPLES)}."
        )
    return _TRIPLES[name]
