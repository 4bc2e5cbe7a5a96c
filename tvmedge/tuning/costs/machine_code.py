"""What llvm-mca expects of machine code: throughput of its blocks, weighed by their executions.

It knows ports and latencies of a core, and takes every load to hit the first cache.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tvmedge.device.counting import ExecutedBlock
from tvmedge.device.llvm import llvm
from tvmedge.resources import disk_errors

ITERATIONS = 100  # of a block after itself: what its start and end take hardly counts
_SMALL = 1e-3  # of all that is executed: blocks that run less get the others' mean
_LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
_NOTE = re.compile(r"\s*(//|#\s|<).*$")

Code = Mapping[int, str]
"""Instructions by their address in a library."""


class Loads(Enum):
    """What a load waits for: all ``STORES`` before it, or nothing, so that what is spilled and
    loaded again costs little. Cores do neither: they guess which stores matter."""

    STORES = "wait for stores"
    NOTHING = "wait for nothing"


HALF = (Loads.STORES, Loads.NOTHING)
"""The geometric mean of both: it ranks 496 schedules of ten kernels by 0.78 as time does, these by
0.68 and 0.51 (scripts/rank_costs.py)."""


@dataclass(frozen=True)
class _Straight:
    """Instructions that ran one after the other, so often."""

    instructions: tuple[str, ...]
    executions: int

    @property
    def weight(self) -> int:
        return len(self.instructions) * self.executions


def disassembled(library: bytes) -> Code:
    """The code of an ELF file.

    Raises:
        ToolError: llvm-objdump is not to be had, or does not read it.
    """
    temporary = Path(tempfile.gettempdir())
    with disk_errors(temporary), tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(library)
        file.flush()
        text = llvm("llvm-objdump", ["-d", "--no-show-raw-insn", file.name])
    found = (_LINE.match(line) for line in text.splitlines())
    return {int(line[1], 16): _NOTE.sub("", line[2]) for line in found if line}


def expected_cycles(
    code: Code, blocks: Sequence[ExecutedBlock], triple: str, model: str, loads: Loads
) -> float:
    """Cycles of all executions of those ``blocks`` that are of ``code``, on LLVM's scheduling
    model of a core.

    Raises:
        ToolError: llvm-mca is not to be had, or does not know the model.
    """
    ours = [block for block in blocks if block.address in code]
    runs = [_Straight(tuple(_within(code, block)), block.executions) for block in _joined(ours)]
    everything = sum(run.weight for run in runs)
    large = [run for run in runs if run.weight >= _SMALL * everything]
    if not large:
        return 0.0
    taken = block_cycles([run.instructions for run in large], triple, model, loads)
    cycles = sum(each * run.executions for each, run in zip(taken, large, strict=True))
    return cycles * everything / sum(run.weight for run in large)


def block_cycles(
    blocks: Sequence[Sequence[str]], triple: str, model: str, loads: Loads = Loads.STORES
) -> list[float]:
    """Cycles of an iteration of each block of assembly that is repeated.

    Raises:
        ToolError: llvm-mca is not to be had, does not know the model or read the code.
    """
    regions = ["\n".join(("# LLVM-MCA-BEGIN", *block, "# LLVM-MCA-END\n")) for block in blocks]
    flags = [f"-mtriple={triple}", f"-mcpu={model}", f"-iterations={ITERATIONS}", "-json"]
    flags += [f"-noalias={'true' if loads is Loads.NOTHING else 'false'}"]
    flags += ["-skip-unsupported-instructions=any"]
    said = llvm("llvm-mca", [*flags, "-"], "".join(regions))
    found = json.loads(said)["CodeRegions"]
    return [region["SummaryView"]["TotalCycles"] / ITERATIONS for region in found]


def _joined(blocks: Sequence[ExecutedBlock]) -> Iterator[ExecutedBlock]:
    """Blocks that follow each other and ran as often as one: QEMU ends a block at every
    branch, taken or not, and where it gets long."""
    last: ExecutedBlock | None = None
    for block in sorted(blocks, key=lambda block: block.address):
        if last is None:
            last = block
        elif (last.address + last.size, last.executions) == (block.address, block.executions):
            last = ExecutedBlock(last.address, last.size + block.size, last.executions)
        else:
            yield last
            last = block
    if last is not None:
        yield last


def _within(code: Code, block: ExecutedBlock) -> Iterator[str]:
    for address in range(block.address, block.address + block.size):
        if address in code:
            yield code[address]
