"""What programs that are built on first use depend on."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from tvmedge.device.zig import zig_version
from tvmedge.errors import ToolError

_PACKAGES = {"tvm": "apache-tvm", "tvm_ffi": "apache-tvm-ffi"}


def build_key(triple: str, flags: Sequence[str], sources: Iterable[Path]) -> str:
    """Whatever a program depends on, as a short hash: compiler, TVM, ourselves, its sources."""
    digest = hashlib.sha256()
    versions = [metadata.version(name) for name in ("tvmedge", *_PACKAGES.values())]
    for text in (triple, zig_version(), *versions, *flags):
        digest.update(text.encode() + b"\0")
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def headers(package: str) -> str:
    """The folder of C and C++ headers in the wheel of ``tvm`` or ``tvm_ffi``.

    Raises:
        ToolError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ToolError(f"{package} is not installed: run 'pip install {_PACKAGES[package]}'.")
    return str(Path(spec.origin).parent / "include")
