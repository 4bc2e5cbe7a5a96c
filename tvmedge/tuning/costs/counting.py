"""Emulated boards that count what kernels execute, by instruction and by block of code."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from tvmedge.boards.emulated import kernel_command
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.device.counting import BLOCKS_MOST, Counter, ExecutedBlock
from tvmedge.errors import BoardError, InputError
from tvmedge.targeting import Emulator, Family, TargetSpec
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate
from tvmedge.tuning.costs.pool import BoardPool

_FULL = BLOCKS_MOST * 3 // 4
_WIDEST = "avx512f"  # which no QEMU imitates


class CountingBoard:
    """An emulated board that counts what one kernel after the other executes."""

    def __init__(self, spec: TargetSpec, seconds: float) -> None:
        """``seconds`` are the most that a call may take.

        Raises:
            InputError: the target has no emulator.
            ToolError: QEMU, the sysroot or zig is not on this machine.
            BoardError: the emulator does not run the server.
        """
        self._seconds = seconds
        handle, name = tempfile.mkstemp(prefix="tvmedge-count-")
        os.close(handle)
        self._counter = Counter(Path(name))
        self._command = kernel_command(spec)
        self._board = KernelBoard(self._command, self._counter)

    def count(self, candidate: BuiltCandidate) -> int:
        """Instructions of one call, the server's own handful included."""
        self._load(candidate, candidate.library())
        return self._board.count(1, self._seconds).instructions

    def blocks(self, candidate: BuiltCandidate, library: bytes) -> tuple[ExecutedBlock, ...]:
        """The blocks that one call executes, addresses relative to ``library``, the candidate's;
        the emulator's and the server's own are among them."""
        if self._counter.known_blocks() > _FULL:
            self._board.close()
            self._board = KernelBoard(self._command, self._counter)
        first = self._counter.known_blocks()
        address = self._load(candidate, library)
        self._board.count(1, self._seconds)
        if self._counter.known_blocks() > BLOCKS_MOST:
            raise BoardError("The emulator came to more code than the counter has room for.")
        return tuple(
            ExecutedBlock(block.address - address, block.size, block.executions)
            for block in self._counter.blocks(first)
            if block.executions and block.address >= address
        )

    def close(self) -> None:
        """End the emulator."""
        self._board.close()
        with suppress(FileNotFoundError):
            self._counter.file.unlink()

    def _load(self, candidate: BuiltCandidate, library: bytes) -> int:
        """Tensors stay zeros: QEMU multiplies other numbers ten times slower, and what these
        kernels execute does not depend on them."""
        return self._board.load(library, SYMBOL, candidate.sizes)


def counting_boards(
    spec: TargetSpec, slots: int | None, seconds: float
) -> BoardPool[CountingBoard]:
    """``slots`` emulators of a target, by default as many as this machine has processors.

    Raises:
        InputError: the target has no emulator.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    emulated = _emulated(spec)
    kernel_command(emulated)  # says now what is missing
    count = slots or len(os.sched_getaffinity(0))
    start = partial(CountingBoard, emulated, seconds)
    return BoardPool({f"emulated {spec.name} {index}": start for index in range(count)})


def _emulated(spec: TargetSpec) -> TargetSpec:
    """This machine's own programs run under QEMU as they are."""
    if spec.emulator or spec.family is not Family.HOST:
        return spec
    if _WIDEST in spec.features:
        raise InputError(
            f"Target {spec.name} has AVX-512, which QEMU cannot imitate: measure time instead."
        )
    program = f"qemu-{spec.toolchain.triple.partition('-')[0]}"
    emulator = Emulator(program, "max", ("qemu-user",), sysroot="/")
    return dataclasses.replace(spec, emulator=emulator)
