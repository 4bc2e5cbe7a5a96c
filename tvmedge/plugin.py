"""TVM's entry point: target tags and Relax pipelines, nothing else.

TVM calls ``autoload`` at the end of every ``import tvm`` (entry point group
``tvm.backends``), so it must be quick, and safe to call again.
"""

from __future__ import annotations

from typing import Any

from tvmedge.errors import InputError
from tvmedge.targeting import Family, target, target_names
from tvmedge.targeting.core import Core, core_of, core_of_triple

TAG_PREFIX = "tvmedge/"


def autoload() -> None:
    """Register ``tvmedge/<name>`` for every target and ``tvmedge_<family>`` pipelines."""
    from tvm.relax import pipeline
    from tvm.target import tag_registry

    for name in target_names():
        tag_registry.registry.register_tag(
            TAG_PREFIX + name, target(name).tvm_target, override=True
        )
    for family in Family:
        pipeline.PIPELINE_MAP.setdefault(f"tvmedge_{family.value}", _pipeline)


def _pipeline() -> Any:
    """The lowering of the target's family as one TVM pass, weights kept as constants."""
    from tvmedge.compiler.pipelines import as_tvm_pass, cpu_kernels, gpu_kernels, vm_lowering

    def phases(target: Any) -> tuple[Any, ...]:
        if target is not None and target.kind.name == "hexagon":
            raise InputError(
                "TVM emits x86 code for its target kind 'hexagon': use a tag of ours in its place, "
                f"such as '{TAG_PREFIX}hexagon-v67'."
            )
        if target is not None and target.kind.name == "opencl":
            return (*gpu_kernels(_core(target)), *vm_lowering(in_place=False))
        return (*cpu_kernels(_core(target)), *vm_lowering())

    return as_tvm_pass(phases)


def _core(tvm_target: Any) -> Core:
    """Of our target, where TVM's was made from its tag."""
    name = str(tvm_target.tag if tvm_target else "").removeprefix(TAG_PREFIX)
    if name in target_names():
        return core_of(target(name))
    return core_of_triple(str((tvm_target.attrs if tvm_target else {}).get("mtriple", "")))
