"""Instructions that an emulated ARM executes, kernel by kernel: a session of its own, as counting
makes the emulator slower."""

from __future__ import annotations

from dataclasses import replace

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.limits import SessionPlaces
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import Bundle
from tvmedge.device.counting import Counter
from tvmedge.resources import temporary_folder
from tvmedge.targeting import target
from tvmedge.types import KernelCounts


def counts_instructions(address: BoardAddress, bundle: Bundle, options: SessionOptions) -> bool:
    """Whether the board's emulator takes the plugin that counts: a Linux process, under the QEMU
    that the system has, of a library, whose server tells kernels apart."""
    if address.kind is not BoardKind.EMULATED or bundle.manifest.code.library is None:
        return False
    spec = options.target or target(bundle.manifest.target.name)
    emulator = spec.emulator
    return emulator is not None and emulator.machine is None and emulator.version is None


def kernel_instructions(
    address: BoardAddress, bundle: Bundle, options: SessionOptions
) -> tuple[KernelCounts, ...]:
    """What each kernel executes in a run on the bundle's check input, on one thread, which is
    the same every time but for a few instructions of the server's.

    Raises:
        ToolError, BoardError: as ``open_session``.
    """
    with temporary_folder("tvmedge-count-") as folder:
        counter = Counter(folder / "count")
        plugin, counts = counter.places()
        places = options.places
        watched = replace(
            options,
            threads=1,
            places=SessionPlaces([*places.shown, plugin], [*places.kept, counts]),
            environment={**counter.environment(), "TVMEDGE_COUNTER": str(counter.file)},
        )
        with open_session(address, bundle, watched) as session:
            session.run(bundle.check_inputs())
            return session.kernel_counts()
