"""From an ONNX file to a device.

    import tvmedge
    model = tvmedge.load("m.onnx")
    contents = tvmedge.compile(model, tvmedge.target("raspberry-pi-4b"))
    tvmedge.write_bundle("m.tvmedge", contents)

Names are imported on first use: ``import tvmedge`` loads neither TVM nor onnx.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvmedge.bundle import Bundle, BundleContents, read_bundle, write_bundle
    from tvmedge.compiler.compile import CompileOptions
    from tvmedge.compiler.compile import compile_model as compile
    from tvmedge.model.load import Model, load
    from tvmedge.targeting import TargetSpec, target, target_names

__all__ = [
    "Bundle",
    "BundleContents",
    "CompileOptions",
    "Model",
    "TargetSpec",
    "compile",
    "load",
    "read_bundle",
    "target",
    "target_names",
    "write_bundle",
]

_HOMES = {
    "Bundle": "tvmedge.bundle:Bundle",
    "BundleContents": "tvmedge.bundle:BundleContents",
    "CompileOptions": "tvmedge.compiler.compile:CompileOptions",
    "Model": "tvmedge.model.load:Model",
    "TargetSpec": "tvmedge.targeting:TargetSpec",
    "compile": "tvmedge.compiler.compile:compile_model",
    "load": "tvmedge.model.load:load",
    "read_bundle": "tvmedge.bundle:read_bundle",
    "target": "tvmedge.targeting:target",
    "target_names": "tvmedge.targeting:target_names",
    "write_bundle": "tvmedge.bundle:write_bundle",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tvmedge' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
