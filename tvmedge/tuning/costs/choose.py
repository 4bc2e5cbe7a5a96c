"""The cost source that a user asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial

from tvmedge.boards import rpc_kernels
from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.emulated import kernel_command
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.device.build_server import build_kernel_server, build_tensor_call
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.board_time import BoardTime
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


def on_boards(spec: TargetSpec, addresses: Sequence[BoardAddress]) -> CostSource:
    """Time on boards of one kind; candidates go to whichever is idle.

    Raises:
        InputError: a board that is given twice, or cannot run code of the target.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    starts: dict[str, Callable[[], KernelBoard]] = {}
    for address in addresses:
        if str(address) in starts:
            raise InputError(f"--board {address} is given twice.")
        starts[str(address)] = partial(KernelBoard, board_command(spec, address))
    kinds = sorted({address.key or address.kind.value for address in addresses})
    tensors = any(address.kind is BoardKind.TVM for address in addresses)
    linked = [build_tensor_call(spec.toolchain.triple)] if tensors else []
    return BoardTime(", ".join(kinds), starts, linked)


def board_command(spec: TargetSpec, address: BoardAddress) -> list[str]:
    """What starts a server of kernels on a board. Raises as ``on_boards``."""
    if address.kind is BoardKind.EMULATED:
        return kernel_command(spec)
    if address.kind is BoardKind.LOCAL:
        return [str(build_kernel_server(spec.toolchain.triple))]
    place = [address.host, str(address.port), address.key]
    return [sys.executable, "-m", rpc_kernels.__name__, *place]
