"""The cost source that a user asks for."""

from __future__ import annotations

from enum import Enum

from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.cycles import Cycles
from tvmedge.tuning.costs.instructions import Instructions
from tvmedge.tuning.costs.source import CostSource


class CostKind(str, Enum):
    """What ``--cost`` takes."""

    TIME = "time"
    INSTRUCTIONS = "instructions"
    MODEL = "model"


def boardless(kind: CostKind, spec: TargetSpec) -> CostSource:
    """The source of a cost that needs no board of the target's.

    Raises:
        InputError: the target has no emulator, or LLVM no model of its core.
        ToolError: QEMU, the sysroot, zig or LLVM's programs are not on this machine.
    """
    return Cycles(spec) if kind is CostKind.MODEL else Instructions(spec)
