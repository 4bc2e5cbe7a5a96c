"""The bundle: the one file that is deployed. See ``docs/bundle.md``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvmedge.bundle.compat import require_runnable_here
    from tvmedge.bundle.manifest import (
        SCHEMA_VERSION,
        CheckInfo,
        CodeInfo,
        FileInfo,
        Manifest,
        ModelInfo,
        TargetInfo,
    )
    from tvmedge.bundle.read import Bundle, read_bundle
    from tvmedge.bundle.write import BundleContents, write_bundle

__all__ = [
    "SCHEMA_VERSION",
    "Bundle",
    "BundleContents",
    "CheckInfo",
    "CodeInfo",
    "FileInfo",
    "Manifest",
    "ModelInfo",
    "TargetInfo",
    "read_bundle",
    "require_runnable_here",
    "write_bundle",
]

_HOMES = {
    "Bundle": "read",
    "BundleContents": "write",
    "read_bundle": "read",
    "require_runnable_here": "compat",
    "write_bundle": "write",
}


def __getattr__(name: str) -> Any:
    # On first use: the command line's help must not pay for numpy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'manifest')}")
    return getattr(module, name)
