"""A model on a board, from the outside: open, run, time, close.

Everything that can crash or hang happens in a worker process; here it becomes one
``BoardError``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.messages import (
    Counted,
    CountKernels,
    Done,
    Failed,
    Job,
    KernelTimes,
    LastCounts,
    LocalPlace,
    Moved,
    Open,
    Peak,
    PeakMemory,
    PipePlace,
    Reply,
    Run,
    TcpPlace,
    Time,
    TimeKernels,
    Times,
    Traffic,
)
from tvmedge.boards.process import WorkerProcess
from tvmedge.boards.relay import PACKET_LIMIT, READY_S, relay_command
from tvmedge.boards.relay.endings import CRASHED
from tvmedge.boards.run_inputs import checked_inputs, nbytes
from tvmedge.boards.sent import sent_files
from tvmedge.boards.starting import board_command, imitated, require_fits
from tvmedge.bundle import Bundle, Form, read_bundle, tensorfile
from tvmedge.bundle.malformed import MalformedError
from tvmedge.errors import (
    BoardError,
    ExitCode,
    InputError,
    ToolError,
    TrustError,
    TvmEdgeError,
)
from tvmedge.resources import Closing
from tvmedge.targeting import TargetSpec
from tvmedge.tensors.sizes import bind_sizes, resolved
from tvmedge.types import CallTimes, Counts, GpuTraffic, KernelCounts, Resident
from tvmedge.versions import require_tvm

_log = logging.getLogger(__name__)

_LEAST_OPEN_S = 30.0
_MOST_CALLS = 1 << 16
_ERRORS: dict[int, Callable[[str], TvmEdgeError]] = {
    ExitCode.USAGE: InputError,
    ExitCode.TRUST: TrustError,
    ExitCode.TOOL: ToolError,
}


@dataclass(frozen=True)
class SessionOptions:
    """How to run: ``threads`` for kernels (None: TVM_NUM_THREADS, or one a core),
    ``timeout_s`` the longest that one run may take, in seconds (opening gets at
    least 30), ``target`` the board to emulate (None: the bundle's own), ``limits`` what a
    session beyond this process may use, ``places`` what an emulated one sees of this machine,
    ``wait_s`` the longest to wait for a board of a gateway, in its queue as ``priority`` (0 to 9,
    as far as the gateway lets us) says; ``keys`` are for that (None: where they usually lie);
    ``environment`` what its processes here find beside our own; ``started`` hears the number of
    the process that is to run the model, or to talk to its board, before it does."""

    threads: int | None = None
    timeout_s: float = 60.0
    target: TargetSpec | None = None
    limits: SessionLimits = field(default_factory=SessionLimits)
    places: SessionPlaces = field(default_factory=SessionPlaces)
    wait_s: float = 3600.0
    priority: int = 0
    keys: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    started: Callable[[int], object] | None = None


def open_session(
    address: BoardAddress, bundle: Bundle | Path, options: SessionOptions | None = None
) -> Session:
    """Load a bundle's model on a board.

    Raises:
        InputError: the bundle cannot run there, or the board cannot be emulated.
        TrustError: the bundle does not match its hashes.
        ToolError: an emulator or TVM's runtime is missing.
        BoardError: the board cannot be reached, or loading crashed or hung.
    """
    require_tvm()
    options = options or SessionOptions()
    opened = read_bundle(bundle, weights=False) if isinstance(bundle, Path) else bundle
    return Session(address, opened, options)


class Session(Closing):
    """A loaded model; a context manager that ends everything it started."""

    def __init__(self, address: BoardAddress, bundle: Bundle, options: SessionOptions) -> None:
        """Use ``open_session``."""
        self._address = address
        self._signature = bundle.manifest.signature
        self._timeout_s = options.timeout_s
        self._counting = (
            address.kind is BoardKind.EMULATED
            and bundle.manifest.code.library is not None
            and imitated(bundle, options).board.dsp is not None
        )
        threads = options.threads if address.kind is BoardKind.LOCAL else None
        require_fits(address, bundle, options)
        self._process = WorkerProcess(threads, options.environment)
        try:
            if options.started is not None:
                options.started(self._process.number)
            command = board_command(address, bundle, options, self._process.folder)
            place = self._place(bundle, command, options)
            seconds = max(options.timeout_s, _LEAST_OPEN_S)
            self._ask(Open(str(bundle.path.resolve()), place), "loading", seconds)
        except BaseException:
            self._process.kill()
            raise

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's outputs for ``inputs``, both by the model's original names.

        Raises:
            InputError: a name, shape or dtype is not the model's.
            BoardError: the model crashed or hung, or the board failed.
        """
        arrays = checked_inputs(inputs, self._signature.inputs)
        sizes = bind_sizes(self._signature, {name: a.shape for name, a in arrays.items()})
        try:
            expected = sum(nbytes(resolved(spec, sizes)) for spec in self._signature.outputs)
        except ValueError as error:
            raise InputError(f"The bundle's signature is unusable: {error}.") from error
        pieces = tensorfile.encode(arrays)
        _, tensors = self._ask(Run(), "running", self._timeout_s, pieces, expected)
        try:
            outputs = tensorfile.decode(tensors)
            return {spec.name: outputs[spec.name] for spec in self._signature.outputs}
        except (MalformedError, KeyError) as error:
            raise BoardError(f"Board '{self._address}' sent unusable outputs: {error}.") from error

    def time(self, repetitions: int) -> tuple[float, ...]:
        """Milliseconds of each of ``repetitions`` runs, timed on the board.

        The inputs are those of the last ``run``, zeros before the first; one run
        before them is not counted.

        Raises:
            InputError: no repetition.
            BoardError: the model crashed or hung, or the board failed.
        """
        if repetitions < 1:
            raise InputError(f"The number of repetitions must be 1 or more, not {repetitions}.")
        seconds = self._timeout_s * (repetitions + 1)
        reply, _ = self._ask(Time(repetitions), "running", seconds)
        assert isinstance(reply, Times)
        return reply.milliseconds

    def time_kernels(self, repetitions: int) -> CallTimes:
        """Milliseconds of every call of a kernel in each of ``repetitions`` runs, timed on the
        board. Inputs and a first run are as for ``time``.

        Raises:
            InputError: no repetition, or a board that does not tell kernels apart.
            BoardError: the model crashed or hung, or the board failed.
        """
        if repetitions < 1:
            raise InputError(f"The number of repetitions must be 1 or more, not {repetitions}.")
        seconds = self._timeout_s * (repetitions + 1)
        most = repetitions * _MOST_CALLS * 8
        reply, tensors = self._ask(TimeKernels(repetitions), "running", seconds, None, most)
        assert isinstance(reply, KernelTimes)
        try:
            times = tensorfile.decode(tensors)["ms"]
        except (MalformedError, KeyError) as error:
            raise BoardError(f"Board '{self._address}' sent unusable times: {error}.") from error
        if times.shape != (repetitions, len(reply.kernels)) or times.dtype != np.float64:
            raise BoardError(f"Board '{self._address}' sent times of other calls than it made.")
        return CallTimes(reply.kernels, tuple(tuple(run) for run in times.tolist()))

    def gpu_traffic(self, repetitions: int) -> GpuTraffic | None:
        """What a run moves between a GPU and the CPU beside it, the time as the median of
        ``repetitions``; None without a GPU, and where nobody tells.

        Raises:
            BoardError: the model crashed or hung, or the board failed.
        """
        seconds = self._timeout_s * (repetitions + 1)
        reply, _ = self._ask(Traffic(repetitions), "running", seconds)
        assert isinstance(reply, Moved)
        return reply.traffic

    def peak_memory_kib(self) -> int | None:
        """How much loading and running took at most so far, beyond what was resident before, in
        KiB: of this machine's process, or of the board's server. None where nobody tells, as on
        stock servers and without an operating system.

        Raises:
            BoardError: the board failed.
        """
        reply, _ = self._ask(Peak(), "measuring", self._timeout_s)
        assert isinstance(reply, PeakMemory)
        return reply.kib

    def memory_over_time(self) -> tuple[Resident, ...]:
        """What the session took on its board, as the program that confines it saw ten times a
        second, an emulator included; empty of this machine's process and of stock servers."""
        return self._process.memory()

    @property
    def counts_packets(self) -> bool:
        """Whether the board counts what it executes, as an emulated Hexagon does."""
        return self._counting

    def last_counts(self) -> Counts:
        """What the last ``run`` executed; zeros where ``counts_packets`` is not.

        Raises:
            BoardError: the board failed.
        """
        (whole,) = self._count(LastCounts())
        return whole.counts

    def kernel_counts(self) -> tuple[KernelCounts, ...]:
        """What each kernel executes in a run on the inputs of the last ``run``, in their order.

        Raises:
            BoardError: the model crashed or hung, or the board failed.
        """
        return self._count(CountKernels())

    def _count(self, job: LastCounts | CountKernels) -> tuple[KernelCounts, ...]:
        reply, _ = self._ask(job, "counting", self._timeout_s)
        assert isinstance(reply, Counted)
        return reply.counts

    def close(self) -> None:
        """End the worker and the board's session; may be called more than once."""
        self._process.close()

    def _place(
        self, bundle: Bundle, command: list[str], options: SessionOptions
    ) -> LocalPlace | PipePlace | TcpPlace:
        address = self._address
        if address.kind is BoardKind.LOCAL:
            return LocalPlace()
        if address.kind is BoardKind.TVM:
            _log.warning(
                "%s is not authenticated or encrypted: use it in networks you trust only", address
            )
            return TcpPlace(address.host, address.port, address.key, options.threads)
        # TVM's own server is all that knows of it, in a session that is on this machine.
        direct = address.kind is BoardKind.EMULATED and bundle.manifest.code.form is Form.VM
        report, files = str(self._process.report), sent_files(bundle)
        relayed = relay_command(report, PACKET_LIMIT, READY_S, command, files, direct=direct)
        return PipePlace(tuple(relayed), options.threads, direct)

    def _ask(
        self,
        job: Job,
        doing: str,
        seconds: float,
        pieces: list[bytes | memoryview] | None = None,
        reply_bytes: int = 0,
    ) -> tuple[Reply, memoryview]:
        """Send a job and wait for its reply, which carries tensors of at most
        ``reply_bytes``; a crash, hang or lost board ends the worker."""
        limit = tensorfile.MAX_HEADER_BYTES + reply_bytes
        board = f"Board '{self._address}'"
        try:
            reply, tensors = self._process.ask(job, pieces or [], limit, seconds)
        except TimeoutError as error:
            kernel = self._process.last_kernel and f", in kernel {self._process.last_kernel}"
            raise BoardError(
                f"{board} gave no answer within {seconds:g} s while {doing} the model"
                f"{kernel}{self._process.last_words()}; allow more time or check the board."
            ) from error
        except ConnectionError as error:
            raise self._lost(str(error), doing) from error
        if isinstance(reply, Failed):
            if ending := self._process.board_ending():
                self._process.kill()
                raise self._lost(ending, doing)
            if make := _ERRORS.get(reply.exit_code):
                raise make(reply.message)
            message = reply.message.rstrip(".")
            raise BoardError(
                f"{board} failed while {doing} the model: {message}{_advice(message)}."
            )
        assert isinstance(reply, Done | Times | KernelTimes | PeakMemory | Moved | Counted)
        return reply, tensors

    def _lost(self, ending: str, doing: str) -> BoardError:
        """The error for a worker or board that ended during a job."""
        words = self._process.last_words()
        if ending.startswith(CRASHED):
            signal = ending.removeprefix(CRASHED)
            return BoardError(
                f"The model crashed while {doing} on board '{self._address}'{signal}{words}."
            )
        return BoardError(f"Board '{self._address}' {ending} while {doing} the model{words}.")


def _advice(message: str) -> str:
    """What to do about an error that TVM reports from a board, if we know."""
    if "tvm.contrib." in message:
        return "; pack the board with --extra, the model needs TVM's sorting library"
    return ""
