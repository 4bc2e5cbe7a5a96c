"""The cost source that a user asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.boards.terms import Terms
from tvmedge.device.build_server import build_tensor_call
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.board_time import BoardTime
from tvmedge.tuning.costs.boards_at import boards_at, kernel_boards, require_different
from tvmedge.tuning.costs.cycles import Cycles
from tvmedge.tuning.costs.device_board import DeviceBoard
from tvmedge.tuning.costs.device_time import DeviceTime
from tvmedge.tuning.costs.gpu_model import GpuModel
from tvmedge.tuning.costs.instructions import Instructions
from tvmedge.tuning.costs.kind import CostKind
from tvmedge.tuning.costs.packets import Packets
from tvmedge.tuning.costs.source import CostSource
from tvmedge.tuning.workers import measuring_core


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


def on_boards(
    spec: TargetSpec, addresses: Sequence[BoardAddress], terms: Terms | None = None
) -> CostSource:
    """Time on boards of one kind; candidates go to whichever is idle. Where a tracker of TVM's is
    at an address, all of its servers of the address' key are boards; so are all of a gateway's
    pool that work.

    Raises:
        InputError: a board that is given twice, or cannot run code of the target.
        TrustError: a gateway does not know us, or we do not know it.
        BoardError: there is no way to a gateway, or a tracker has no server of that key.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    require_different(addresses)
    terms = terms or Terms()
    if spec.accelerator is not None:
        return on_devices(spec, addresses, terms)
    starts: dict[str, Callable[[], KernelBoard]] = {}
    for address in addresses:
        starts |= kernel_boards(spec, address, terms)
    kinds = sorted({address.key or address.kind.value for address in addresses})
    tensors = any(address.kind is BoardKind.TVM for address in addresses)
    linked = [build_tensor_call(spec.toolchain.triple)] if tensors else []
    return BoardTime(", ".join(kinds), starts, linked)


def on_devices(
    spec: TargetSpec, addresses: Sequence[BoardAddress], terms: Terms | None = None
) -> DeviceTime:
    """Time on the OpenCL devices of this machine or of boards, which are asked when needed.

    Raises:
        InputError, TrustError, BoardError: as ``boards_at``.
    """
    kinds = sorted({address.key or address.kind.value for address in addresses})
    starts = {
        name: partial(DeviceBoard, spec, address, _driving(address), own)
        for address in addresses
        for name, own in boards_at(address, terms or Terms()).items()
    }
    return DeviceTime(", ".join(kinds), starts)


def _driving(address: BoardAddress) -> list[int]:
    """The processors that drive a device (and are it, for PoCL): one of this machine's; any for
    who only waits."""
    return [measuring_core()] if address.kind is BoardKind.LOCAL else []
