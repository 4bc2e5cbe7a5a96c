"""The process that runs a model, or talks to the board that does.

Kernels are compiled code: they may crash or hang. This process is the one that dies
then; the session that started it reports it. Run as ``python -m tvmedge.boards.worker``.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np

from tvmedge.boards.library import LibraryModel
from tvmedge.boards.library_board import LibraryBoard
from tvmedge.boards.messages import (
    JOBS,
    Channel,
    Close,
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
    TcpPlace,
    Time,
    TimeKernels,
    Times,
    Traffic,
)
from tvmedge.boards.model import Model
from tvmedge.boards.opencl import load_opencl
from tvmedge.boards.own_memory import peak_kib, restarted_peak_kib
from tvmedge.boards.pipes import ChannelClosed
from tvmedge.boards.places import Place, Remote, open_place
from tvmedge.boards.rpc_library import RpcLibrary
from tvmedge.boards.runtime import error_line, load_runtime
from tvmedge.bundle import Form, read_bundle, tensorfile
from tvmedge.errors import BoardError, TvmEdgeError
from tvmedge.types import DeviceKind

_TENSORS_LIMIT = 4 << 30
_GRACE_S = 2.0
FOLDER_VARIABLE = "TVMEDGE_SESSION_DIR"
"""The session's private folder, removed by the worker if the session cannot any more."""
SESSION_THERE = "session-there"
"""A file in it, made by a session that closes the channel and goes on to read and remove it."""


class Worker:
    """Answers jobs one after another."""

    def __init__(self) -> None:
        self._place: Place | None = None
        self._model: Model | LibraryModel | LibraryBoard | RpcLibrary | None = None
        self._here = True
        self._before_kib: int | None = None

    def answer(self, job: Job, tensors: memoryview) -> tuple[Reply, list[bytes | memoryview]]:
        """Do one job: the reply and the tensors that go with it."""
        if isinstance(job, Open):
            self._open(job)
            return Done(), []
        if self._model is None:
            raise BoardError("no model is loaded")
        if isinstance(job, Time):
            return Times(self._model.time(job.repetitions)), []
        if isinstance(job, TimeKernels):
            found = self._model.time_kernels(job.repetitions)
            return KernelTimes(found.kernels), tensorfile.encode({"ms": np.array(found.runs)})
        if isinstance(job, Peak | Traffic):
            return PeakMemory(self._peak_kib()) if isinstance(job, Peak) else self._moved(job), []
        if isinstance(job, LastCounts | CountKernels):
            if not isinstance(self._model, LibraryBoard):
                raise BoardError("nobody counts here")
            each = isinstance(job, CountKernels)
            return Counted(self._model.count_kernels() if each else self._model.last_counts()), []
        outputs = self._model.run(tensorfile.decode(tensors))
        return Done(), tensorfile.encode(outputs)

    def close(self) -> None:
        """Release the board in order: tensors and modules before their session."""
        if isinstance(self._model, LibraryBoard | RpcLibrary):
            self._model.close()
        self._model = None
        if self._place is not None:
            self._place.close()
            self._place = None

    def _moved(self, job: Traffic) -> Moved:
        if not isinstance(self._model, Model):
            return Moved(None)
        return Moved(self._model.traffic(job.repetitions))

    def _peak_kib(self) -> int | None:
        if self._here:
            return None if self._before_kib is None else peak_kib() - self._before_kib
        assert not isinstance(self._model, LibraryModel | None)
        return self._model.peak_kib()

    def _open(self, job: Open) -> None:
        if isinstance(job.place, PipePlace):
            # The session ends a hung board by signalling the relay, and then wants our answer.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        bundle = read_bundle(Path(job.bundle))
        self._here = isinstance(job.place, LocalPlace)
        if self._here:
            self._before_kib = restarted_peak_kib()
        library = bundle.manifest.code.form is Form.LIBRARY
        if library and isinstance(job.place, LocalPlace):
            self._model = LibraryModel(bundle)
            return
        if library and isinstance(job.place, PipePlace):
            self._model = LibraryBoard(bundle, job.place.command, job.place.threads)
            return
        load_runtime()
        device = bundle.manifest.target.device
        if device is DeviceKind.OPENCL and isinstance(job.place, LocalPlace):
            load_opencl()
        self._place = open_place(job.place, device)
        if library:
            assert isinstance(self._place, Remote) and isinstance(job.place, TcpPlace)
            self._model = RpcLibrary(bundle, self._place, job.place.threads)
        else:
            self._model = Model(bundle, self._place)


def main() -> None:
    """Serve the session at stdin and stdout until it closes."""
    channel = Channel(os.dup(0), os.dup(1))
    _silence_standard_streams()
    threading.Thread(target=_die_with_session, args=(channel.reading,), daemon=True).start()
    worker = Worker()
    alone = False
    try:
        _serve(channel, worker)
    except ChannelClosed:
        alone = True
    worker.close()
    _reap()
    if alone:
        _remove_folder()
    # Not sys.exit: TVM's objects may outlive the libraries that free them.
    os._exit(0)


def _serve(channel: Channel, worker: Worker) -> None:
    """Answer jobs until one is to close; raises ChannelClosed where the session is gone."""
    while True:
        job, tensors = channel.receive(JOBS, _TENSORS_LIMIT, None)
        if isinstance(job, Close):
            return
        try:
            reply, pieces = worker.answer(job, tensors)
        except TvmEdgeError as error:
            reply, pieces = Failed(str(error), int(error.exit_code)), []
        except Exception as error:  # whatever it was, the session must hear of it
            reply, pieces = Failed(error_line(error), int(BoardError.exit_code)), []
        channel.send(reply, pieces)


def _silence_standard_streams() -> None:
    """Keep what libraries print, and programs they start, away from the channel."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)


def _die_with_session(channel: int) -> None:
    """A hung kernel must not outlive the session's process."""
    poller = select.poll()
    poller.register(channel, 0)
    poller.poll()
    time.sleep(_GRACE_S)
    _remove_folder()
    os.killpg(0, signal.SIGKILL)


def _remove_folder() -> None:
    """The session's, which cannot do it any more; one that is there said so."""
    folder = Path(os.environ.get(FOLDER_VARIABLE, "/nowhere"))
    if not (folder / SESSION_THERE).exists():
        shutil.rmtree(folder, ignore_errors=True)


def _reap() -> None:
    """Wait for the relay, which TVM's pipe client kills and forgets."""
    deadline = time.monotonic() + _GRACE_S
    try:
        while time.monotonic() < deadline and os.waitpid(-1, os.WNOHANG)[0] == 0:
            time.sleep(0.002)
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
