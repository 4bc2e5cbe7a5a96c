"""The cost source that a user asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial

from tvmedge.boards import rpc_kernels, tracker
from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.emulated import kernel_command
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.device.build_server import build_kernel_server, build_tensor_call
from tvmedge.errors import BoardError, InputError
from tvmedge.targeting import Family, TargetSpec
from tvmedge.tuning.costs.board_time import BoardTime
from tvmedge.tuning.costs.cycles import Cycles
from tvmedge.tuning.costs.device_board import DeviceBoard
from tvmedge.tuning.costs.device_time import DeviceTime
from tvmedge.tuning.costs.gpu_model import GpuModel
from tvmedge.tuning.costs.instructions import Instructions
from tvmedge.tuning.costs.packets import Packets
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.workers import measuring_core

_HERE = "host-opencl"
LENT_S = 15.0
"""How long a tracker may take to lend a board, before it counts as lost."""


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


def boardless(kind: CostKind, spec: TargetSpec) -> CostSource:
    """The source of a cost that needs no board of the target's.

    Raises:
        InputError: the target has no emulator, LLVM no model of its core, or its processor no
            packets.
        ToolError: QEMU, the sysroot, zig or LLVM's programs are not on this machine.
    """
    if spec.accelerator is not None:
        if kind is not CostKind.MODEL:
            raise InputError(
                f"--cost {kind.value} is for CPUs, and kernels for {spec.name} run on its GPU: use "
                "--cost model, or --cost time with -t host-opencl."
            )
        return GpuModel(spec)
    if kind is CostKind.PACKETS:
        return Packets(spec)
    return Cycles(spec) if kind is CostKind.MODEL else Instructions(spec)


def on_boards(spec: TargetSpec, addresses: Sequence[BoardAddress]) -> CostSource:
    """Time on boards of one kind; candidates go to whichever is idle. Where a tracker of TVM's is
    at an address, all of its servers of the address' key are boards.

    Raises:
        InputError: a board that is given twice, or cannot run code of the target.
        BoardError: a tracker has no server of that key.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    for address in addresses:
        if addresses.count(address) > 1:
            raise InputError(f"--board {address} is given twice.")
    if spec.accelerator is not None:
        return on_devices(spec, addresses)
    starts: dict[str, Callable[[], KernelBoard]] = {}
    for address in addresses:
        starts |= _starts(spec, address)
    kinds = sorted({address.key or address.kind.value for address in addresses})
    tensors = any(address.kind is BoardKind.TVM for address in addresses)
    linked = [build_tensor_call(spec.toolchain.triple)] if tensors else []
    return BoardTime(", ".join(kinds), starts, linked)


def on_devices(spec: TargetSpec, addresses: Sequence[BoardAddress]) -> DeviceTime:
    """Time on the OpenCL devices of this machine or of boards, which are asked when needed.

    Raises:
        InputError: a gateway is among them.
    """
    kinds = sorted({address.key or address.kind.value for address in addresses})
    for address in addresses:
        if address.kind is BoardKind.GATEWAY:
            raise InputError(
                f"--board {address}: kernels of a GPU are not timed over a gateway: name its board "
                "by ssh:// or tvm://."
            )
    starts = {
        str(address): partial(DeviceBoard, spec, address, _driving(address))
        for address in addresses
    }
    return DeviceTime(", ".join(kinds), starts)


def _driving(address: BoardAddress) -> list[int]:
    """The processors that drive a device (and are it, for PoCL): one of this machine's; any for
    who only waits."""
    return [measuring_core()] if address.kind is BoardKind.LOCAL else []


def _starts(spec: TargetSpec, address: BoardAddress) -> dict[str, Callable[[], KernelBoard]]:
    """What starts each board that is at an address, by its name."""
    command = board_command(spec, address)
    if address.kind is not BoardKind.TVM:
        return {str(address): partial(KernelBoard, command)}
    count = tracker.servers(address.host, address.port, address.key)
    if count is None:  # one server, or nobody: it is said when it is needed
        return {str(address): partial(KernelBoard, command)}
    if not count:
        raise BoardError(
            f"The tracker at {address.host}:{address.port} has no board '{address.key}': name a "
            "key as tvm://HOST:PORT/KEY, and start servers of it."
        )
    lent = partial(KernelBoard, [*command, str(LENT_S)])
    return {f"{address} {number}": lent for number in range(1, count + 1)}


def board_command(spec: TargetSpec, address: BoardAddress) -> list[str]:
    """What starts a server of kernels on a board. Raises as ``on_boards``."""
    if address.kind is BoardKind.EMULATED:
        return kernel_command(spec)
    if address.kind is BoardKind.LOCAL:
        return [str(build_kernel_server(spec.toolchain.triple))]
    if address.kind is not BoardKind.TVM:
        raise InputError(
            f"Kernels are not timed on '{address}' yet: tune on a board that is local, emulated or "
            "tvm://HOST:PORT[/KEY]."
        )
    place = [address.host, str(address.port), address.key]
    return [sys.executable, "-m", rpc_kernels.__name__, *place]
