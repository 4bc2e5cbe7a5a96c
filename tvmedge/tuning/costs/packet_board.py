"""Emulated boards of Hexagon, each kernel a program of its own: they load no libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvmedge.boards.emulated import linked_kernel_command, require_emulator
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.resources import temporary_folder
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.types import Counts


@dataclass(frozen=True)
class KernelRun:
    """What one call of a kernel executed, and its tensors after it, where they were asked for."""

    counts: Counts
    tensors: tuple[bytes, ...] = ()


class PacketBoard:
    """An emulated board that counts what one kernel after the other executes."""

    def __init__(self, spec: TargetSpec, seconds: float) -> None:
        """``seconds`` are the most that a call may take.

        Raises:
            InputError: the target has no emulator.
            ToolError: QEMU is not on this machine, or too old.
        """
        require_emulator(spec)
        self._spec = spec
        self._seconds = seconds

    def count(self, candidate: BuiltCandidate) -> Counts:
        """What one call executes, on zeros: what these kernels execute does not depend on them.

        Raises: as ``run``.
        """
        return self._call(candidate, (), False).counts

    def run(self, candidate: BuiltCandidate, tensors: Sequence[bytes]) -> KernelRun:
        """One call, given the content of the first ``tensors`` (of others zeros), with the
        content of all of them after it.

        Raises:
            KernelFailedError: the kernel crashed or hung.
            BoardError: the emulator does not run the program.
            ToolError: zig is missing, the kernel does not link, or the disk is full.
        """
        return self._call(candidate, tensors, True)

    def close(self) -> None:
        """Nothing runs between calls."""

    def _call(self, candidate: BuiltCandidate, tensors: Sequence[bytes], read: bool) -> KernelRun:
        with temporary_folder("tvmedge-link-") as folder:
            command = linked_kernel_command(self._spec, candidate.code, SYMBOL, folder)
            board = KernelBoard(command)
            try:
                board.load(b"", SYMBOL, candidate.sizes)
                for index, content in enumerate(tensors):
                    if content:
                        board.fill(index, content)
                counts = board.count(1, self._seconds)
                asked = range(len(candidate.arguments)) if read else ()
                return KernelRun(counts, tuple(board.read(index) for index in asked))
            finally:
                board.close()
