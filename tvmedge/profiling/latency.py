"""How long a bundle takes: from nothing to the first result, and from then on."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from tvmedge.boards.address import LOCAL, BoardAddress
from tvmedge.boards.check import CheckReport, check
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import Bundle, read_bundle
from tvmedge.profiling.packets import PacketProfile, packet_profile
from tvmedge.types import Latency

_REPETITIONS = 20


@dataclass(frozen=True)
class Profile:
    """A bundle's latency on a board, and the check of what was timed; ``packets`` on a board that
    counts what it executes."""

    bundle: Bundle
    board: BoardAddress
    latency: Latency
    check: CheckReport
    packets: PacketProfile | None = None


def profile_bundle(
    path: Path,
    repetitions: int | None = None,
    address: BoardAddress = LOCAL,
    options: SessionOptions | None = None,
) -> Profile:
    """Time a bundle on its own check input, and check the result.

    Cold start is everything a first user waits for: reading and verifying the
    bundle, starting the board's process, loading, binding weights, one run.
    The repetitions are timed on the board: 20 by default, 1 where packets are counted, which are
    the same every time.

    Raises:
        InputError, TrustError, ToolError, BoardError: as ``run_bundle``.
    """
    started = time.perf_counter()
    bundle = read_bundle(path, weights=False)
    with open_session(address, bundle, options) as session:
        checked = check(session, bundle)
        cold_ms = (time.perf_counter() - started) * 1e3
        counted = session.counts_packets
        packets = packet_profile(session.kernel_counts()) if counted else None
        usual = 1 if counted else _REPETITIONS
        samples = session.time(usual if repetitions is None else repetitions)
    return Profile(bundle, address, Latency(cold_ms, samples), checked, packets)


def percentile(samples: tuple[float, ...], percent: int) -> float:
    """The value that ``percent`` of the samples do not exceed, interpolated."""
    if len(samples) == 1:
        return samples[0]
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]
