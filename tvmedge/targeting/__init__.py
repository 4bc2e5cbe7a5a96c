"""What a device is: ``target("raspberry-pi-4b")`` reads its TOML into a ``TargetSpec``."""

from tvmedge.targeting.host_cpu import host_features, missing_features
from tvmedge.targeting.load import load_target_file, target, target_names
from tvmedge.targeting.types import (
    BoardFacts,
    CpuFacts,
    Emulator,
    Family,
    GpuFacts,
    Machine,
    Runtime,
    TargetSpec,
    Toolchain,
)

__all__ = [
    "BoardFacts",
    "CpuFacts",
    "Emulator",
    "Family",
    "GpuFacts",
    "Machine",
    "Runtime",
    "TargetSpec",
    "Toolchain",
    "host_features",
    "load_target_file",
    "missing_features",
    "target",
    "target_names",
]
