"""How long a bundle takes: from nothing to the first result, and from then on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from tvmedge.boards.address import LOCAL, BoardAddress, BoardKind
from tvmedge.boards.check import CheckReport, check
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import Bundle, read_bundle
from tvmedge.profiling.packets import PacketProfile, packet_profile
from tvmedge.profiling.repeat import Repetition, sample
from tvmedge.types import Latency


@dataclass(frozen=True)
class Profile:
    """A bundle's latency on a board, and the check of what was timed. ``settled`` where the
    median is as sure as was asked; ``memory_kib`` at most beyond what was resident before, None
    where nobody measured it; ``packets`` on a board that counts what it executes."""

    bundle: Bundle
    board: BoardAddress
    latency: Latency
    settled: bool
    memory_kib: int | None
    check: CheckReport
    packets: PacketProfile | None = None

    @property
    def emulated(self) -> bool:
        """Whether its times say nothing about a device."""
        return self.board.kind is BoardKind.EMULATED


def profile_bundle(
    path: Path,
    repetition: Repetition | None = None,
    address: BoardAddress = LOCAL,
    options: SessionOptions | None = None,
) -> Profile:
    """Time a bundle on its own check input, and check the result.

    Cold start is everything a first user waits for: reading and verifying the bundle, starting
    the board's process, loading, binding weights, one run. Repetitions are timed on the board,
    once where packets are counted, which are the same every time.

    Raises:
        InputError, TrustError, ToolError, BoardError: as ``run_bundle``.
    """
    started = time.perf_counter()
    how = repetition or Repetition()
    bundle = read_bundle(path, weights=False)
    with open_session(address, bundle, options) as session:
        checked = check(session, bundle)
        cold_ms = (time.perf_counter() - started) * 1e3
        counted = session.counts_packets
        packets = packet_profile(session.kernel_counts()) if counted else None
        if counted and how.runs is None:
            how = replace(how, runs=1)
        samples = sample(session.time, how)
        memory = session.peak_memory_kib()
    latency = Latency(cold_ms, samples.milliseconds)
    return Profile(bundle, address, latency, samples.settled, memory, checked, packets)
