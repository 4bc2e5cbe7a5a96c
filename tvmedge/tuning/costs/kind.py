"""Which cost a user may ask for, and which is meant where nobody does; needs no TVM."""

from __future__ import annotations

from enum import Enum

from tvmedge.targeting import Family, TargetSpec

_HERE = "host-opencl"


class CostKind(str, Enum):
    """What ``--cost`` takes."""

    TIME = "time"
    INSTRUCTIONS = "instructions"
    MODEL = "model"
    PACKETS = "packets"


def usual(spec: TargetSpec) -> CostKind:
    """The cost for who names none: a Hexagon is counted, as there is none here to time, and a
    Mali's time is reckoned."""
    if spec.family is Family.HEXAGON:
        return CostKind.PACKETS
    if spec.accelerator is not None and not here(spec):
        return CostKind.MODEL
    return CostKind.TIME


def here(spec: TargetSpec) -> bool:
    """Whether a GPU's kernels are timed on this machine's OpenCL device."""
    return spec.accelerator is not None and spec.name == _HERE
