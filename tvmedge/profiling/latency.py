"""How long a bundle takes: from nothing to the first result, and from then on."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tvmedge.boards.address import LOCAL, BoardAddress, BoardKind
from tvmedge.boards.check import CheckReport, check
from tvmedge.boards.session import Session, SessionOptions, open_session
from tvmedge.bundle import Bundle, read_bundle
from tvmedge.profiling.instructions import counts_instructions, kernel_instructions
from tvmedge.profiling.memory import MemoryWatch
from tvmedge.profiling.packets import PacketProfile, packet_profile
from tvmedge.profiling.per_op import PerOp, per_op
from tvmedge.profiling.repeat import Repetition, Samples, sample
from tvmedge.profiling.roofline import Roofline, measured_roofline, stated_roofline
from tvmedge.profiling.sensors.energy import Energy, NotMeasured, measure_energy
from tvmedge.profiling.sensors.noise import Noise, noise, state
from tvmedge.profiling.sensors.reading import Reader, open_reader
from tvmedge.profiling.statistics import percentile
from tvmedge.targeting import target, target_names
from tvmedge.types import GpuTraffic, Latency, Resident

_KERNEL_RUNS = 20
_KERNEL_SECONDS = 2.0
_TRAFFIC_RUNS = 5
_NO_SENSORS = {
    BoardKind.EMULATED: "an emulator's clocks, heat and energy are not the device's",
    BoardKind.TVM: "a TVM RPC server tells nothing of its board: reach it by ssh",
    BoardKind.GATEWAY: "a gateway does not tell its boards' clocks, heat and energy",
}


@dataclass(frozen=True)
class Wanted:
    """What to measure beside latency and memory: kernels, memory over time, energy where the board
    has a meter. The board's files are read under ``root``."""

    per_op: bool = False
    memory_over_time: bool = False
    energy: bool = True
    root: Path = Path("/")


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
    energy: Energy | NotMeasured
    noise: Noise
    packets: PacketProfile | None = None
    per_op: PerOp | None = None
    memory: tuple[Resident, ...] = ()
    traffic: GpuTraffic | None = None

    @property
    def emulated(self) -> bool:
        """Whether its times say nothing about a device."""
        return self.board.kind is BoardKind.EMULATED


def profile_bundle(
    path: Path,
    repetition: Repetition | None = None,
    address: BoardAddress = LOCAL,
    options: SessionOptions | None = None,
    wanted: Wanted | None = None,
) -> Profile:
    """Time a bundle on its own check input, and check the result.

    Cold start is everything a first user waits for: reading and verifying the bundle, starting
    the board's process, loading, binding weights, one run. Repetitions are timed on the board,
    once where packets are counted, which are the same every time.

    Raises:
        InputError, TrustError, ToolError, BoardError: as ``run_bundle``.
    """
    started = time.perf_counter()
    how, wanted, options = (
        repetition or Repetition(),
        wanted or Wanted(),
        options or SessionOptions(),
    )
    bundle = read_bundle(path, weights=False)
    with contextlib.ExitStack() as open_:
        watches: list[MemoryWatch] = []
        if wanted.memory_over_time and address.kind is BoardKind.LOCAL:

            def watch(process: int) -> None:
                watches.append(open_.enter_context(MemoryWatch(process)))

            options = replace(options, started=watch)
        session = open_.enter_context(open_session(address, bundle, options))
        checked = check(session, bundle)
        cold_ms = (time.perf_counter() - started) * 1e3
        reader = open_.enter_context(open_reader(address, wanted.root))
        counted = session.counts_packets
        counts = session.kernel_counts() if counted else ()
        if counted and how.runs is None:
            how = replace(how, runs=1)
        samples, seen = _sampled(session, how, address, reader)
        memory = session.peak_memory_kib()
        traffic = session.gpu_traffic(_TRAFFIC_RUNS) if bundle.manifest.code.on_cpu else None
        median = percentile(samples.milliseconds, 50)
        kernels = None
        if wanted.per_op:
            few = 1 if counted else max(3, min(_KERNEL_RUNS, int(_KERNEL_SECONDS * 1e3 / median)))
            times = session.time_kernels(few)
            if counts_instructions(address, bundle, options) and not counted:
                counts = kernel_instructions(address, bundle, options)
            kernels = per_op(
                times, bundle.manifest.code, _roofline(bundle, address, options), counts
            )
        over_time = watches[0].points if watches else session.memory_over_time()
        energy = _energy(session, address, reader, median) if wanted.energy else _UNASKED
    return Profile(
        bundle,
        address,
        Latency(cold_ms, samples.milliseconds),
        samples.settled,
        memory,
        checked,
        energy,
        seen,
        packet_profile(counts) if counted else None,
        kernels,
        over_time if wanted.memory_over_time else (),
        traffic,
    )


_UNASKED = NotMeasured("it was not asked for")


def _sampled(
    session: Session, how: Repetition, address: BoardAddress, reader: Reader | None
) -> tuple[Samples, Noise]:
    """Times of runs, and whether the board stayed the same."""
    if reader is None:
        samples = sample(session.time, how)
        return samples, noise(None, None, samples.milliseconds, _NO_SENSORS[address.kind])
    before = state(reader.read())
    samples = sample(session.time, how)
    return samples, noise(before, state(reader.read()), samples.milliseconds)


def _energy(
    session: Session, address: BoardAddress, reader: Reader | None, milliseconds: float
) -> Energy | NotMeasured:
    if reader is None:
        return NotMeasured(_NO_SENSORS[address.kind])
    return measure_energy(reader, session.time, milliseconds)


def _roofline(bundle: Bundle, address: BoardAddress, options: SessionOptions) -> Roofline:
    """Of the threads that the model runs on, here as measured, elsewhere as the target's file
    states."""
    if address.kind is BoardKind.EMULATED:
        return Roofline(None, None, "an emulator's times are not the device's")
    info = bundle.manifest.target
    library = bundle.manifest.code.library
    most = library.threads if library else None
    if address.kind is BoardKind.LOCAL and bundle.manifest.target.device.value == "cpu":
        asked = options.threads or _asked() or len(os.sched_getaffinity(0))
        return measured_roofline(min(asked, most) if most else asked)
    if info.name not in target_names():
        return Roofline(None, None, f"there is no target {info.name} here")
    return stated_roofline(target(info.name), info.device, options.threads or most)


def _asked() -> int | None:
    text = os.environ.get("TVM_NUM_THREADS", "")
    return max(1, int(text)) if text.isdecimal() else None
