"""The bundle: the one file that is deployed. See ``docs/bundle.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvmedge.lazy import exports

if TYPE_CHECKING:
    from tvmedge.bundle.compat import require_runnable_here
    from tvmedge.bundle.manifest import (
        SCHEMA_VERSION,
        CheckInfo,
        CodeInfo,
        FileInfo,
        LibraryInfo,
        Manifest,
        ModelInfo,
        ProgramInfo,
        TargetInfo,
    )
    from tvmedge.bundle.read import Bundle, read_bundle
    from tvmedge.bundle.write import BundleContents, write_bundle
    from tvmedge.types import Form

__all__ = [
    "SCHEMA_VERSION",
    "Bundle",
    "BundleContents",
    "CheckInfo",
    "CodeInfo",
    "FileInfo",
    "Form",
    "LibraryInfo",
    "Manifest",
    "ModelInfo",
    "ProgramInfo",
    "TargetInfo",
    "read_bundle",
    "require_runnable_here",
    "write_bundle",
]

__getattr__ = exports(
    __name__,
    {
        "Bundle": "tvmedge.bundle.read",
        "BundleContents": "tvmedge.bundle.write",
        "SCHEMA_VERSION": "tvmedge.bundle.manifest",
        "CheckInfo": "tvmedge.bundle.manifest",
        "CodeInfo": "tvmedge.bundle.manifest",
        "FileInfo": "tvmedge.bundle.manifest",
        "Form": "tvmedge.types",
        "LibraryInfo": "tvmedge.bundle.manifest",
        "Manifest": "tvmedge.bundle.manifest",
        "ModelInfo": "tvmedge.bundle.manifest",
        "ProgramInfo": "tvmedge.bundle.manifest",
        "TargetInfo": "tvmedge.bundle.manifest",
        "read_bundle": "tvmedge.bundle.read",
        "require_runnable_here": "tvmedge.bundle.compat",
        "write_bundle": "tvmedge.bundle.write",
    },
)
