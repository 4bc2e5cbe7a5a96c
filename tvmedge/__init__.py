"""From an ONNX file to a device.

    import tvmedge
    from pathlib import Path
    model = tvmedge.load("m.onnx")
    contents = tvmedge.compile(model, tvmedge.target("raspberry-pi-4b"))
    tvmedge.write_bundle(Path("m.tvmedge"), contents)
    report = tvmedge.run(Path("m.tvmedge"), tvmedge.RunRequest(inputs=("random",)))

Names are imported on first use: ``import tvmedge`` loads neither TVM nor onnx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvmedge.lazy import exports

if TYPE_CHECKING:
    from tvmedge.boards.run import RunRequest
    from tvmedge.boards.run import run_bundle as run
    from tvmedge.bundle import Bundle, BundleContents, read_bundle, write_bundle
    from tvmedge.compiler.compile import CompileOptions
    from tvmedge.compiler.compile import compile_model as compile
    from tvmedge.model.inspect import ModelReport
    from tvmedge.model.inspect import inspect_model as inspect
    from tvmedge.model.load import Model, load
    from tvmedge.profiling.compare import compare_profiles as compare
    from tvmedge.profiling.latency import profile_bundle as profile
    from tvmedge.profiling.repeat import Repetition
    from tvmedge.targeting import TargetSpec, target, target_names
    from tvmedge.tuning.tune import TuneOptions
    from tvmedge.tuning.tune import tune_model as tune

__all__ = [
    "Bundle",
    "BundleContents",
    "CompileOptions",
    "Model",
    "ModelReport",
    "Repetition",
    "RunRequest",
    "TargetSpec",
    "TuneOptions",
    "compare",
    "compile",
    "inspect",
    "load",
    "profile",
    "read_bundle",
    "run",
    "target",
    "target_names",
    "tune",
    "write_bundle",
]

__getattr__ = exports(
    __name__,
    {
        "Bundle": "tvmedge.bundle",
        "BundleContents": "tvmedge.bundle",
        "CompileOptions": "tvmedge.compiler.compile",
        "Model": "tvmedge.model.load",
        "ModelReport": "tvmedge.model.inspect",
        "Repetition": "tvmedge.profiling.repeat",
        "RunRequest": "tvmedge.boards.run",
        "TargetSpec": "tvmedge.targeting",
        "TuneOptions": "tvmedge.tuning.tune",
        "compare": "tvmedge.profiling.compare:compare_profiles",
        "compile": "tvmedge.compiler.compile:compile_model",
        "inspect": "tvmedge.model.inspect:inspect_model",
        "load": "tvmedge.model.load",
        "profile": "tvmedge.profiling.latency:profile_bundle",
        "read_bundle": "tvmedge.bundle",
        "run": "tvmedge.boards.run:run_bundle",
        "target": "tvmedge.targeting",
        "target_names": "tvmedge.targeting",
        "tune": "tvmedge.tuning.tune:tune_model",
        "write_bundle": "tvmedge.bundle",
    },
)
