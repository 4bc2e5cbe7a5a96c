"""The links to boards that are this machine, or imitated on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tvmedge.boards.emulated import (
    emulated_server,
    emulator_command,
    require_emulator,
    session_command,
)
from tvmedge.boards.health import Finding
from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.messages import Peak
from tvmedge.boards.process import WorkerProcess
from tvmedge.boards.session_try import confinement, described
from tvmedge.boards.up import empty_program
from tvmedge.errors import BoardError, TvmEdgeError
from tvmedge.resources import temporary_folder
from tvmedge.targeting import TargetSpec, target
from tvmedge.types import Serves
from tvmedge.versions import require_tvm

_WAIT_S = 30.0
_ANSWER_BYTES = 1 << 16
_LOAD = "from tvmedge.boards.runtime import load_runtime; load_runtime()"


def local_links() -> Iterator[Finding]:
    """Up to a process that waits for a model."""
    require_tvm()
    yield Finding("versions", True, True, "apache-tvm and apache-tvm-ffi are the pair that works")
    yield Finding("CPU", True, True, str(target("host").tvm["mcpu"]))
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], capture_output=True, text=True, timeout=_WAIT_S, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1][:200]
        raise BoardError(f"TVM's runtime does not load here: {last}. Install tvmedge again.")
    yield Finding("runtime", True, True, "TVM's runtime loads in a process of its own")
    process = WorkerProcess(None)
    try:
        process.ask(Peak(), [], _ANSWER_BYTES, _WAIT_S)  # no model, says a worker that is well
    except (TimeoutError, ConnectionError) as error:
        raise BoardError(
            f"The process that runs models does not answer ({str(error) or 'it is silent'})"
            f"{process.last_words()}: run scripts/setup, or install tvmedge again."
        ) from error
    finally:
        process.close()
    detail = "a worker starts and answers; models run there as you, confined by nothing"
    yield Finding("worker", True, True, detail)


def emulated_links(spec: TargetSpec) -> Iterator[Finding]:
    """Up to a session whose program runs under QEMU."""
    emulator = require_emulator(spec)
    yield Finding("emulator", True, True, " ".join(emulator))
    with temporary_folder("tvmedge-doctor-") as folder:
        serves = spec.toolchain.loader and spec.accelerator is None
        if serves:
            program = emulated_server(spec, Serves.LIBRARY)
        elif spec.accelerator is not None:
            program, serves = emulator_command(spec), True
        else:
            program = [*emulator, str(empty_program(spec, folder))]
        what = "is linked with each bundle" if not serves else "is there"
        yield Finding("programs", True, True, f"the server for {spec.toolchain.triple} {what}")
        if serves and spec.runtime.platform is not None and spec.accelerator is None:
            yield _runtime(spec)
        places = SessionPlaces(cache=folder)
        command = session_command(spec, SessionLimits(), places) + program
        yield Finding("session", True, True, described(confinement(command, serves=serves)))


def _runtime(spec: TargetSpec) -> Finding:
    """Bundles of form library do without."""
    try:
        emulator_command(spec)
    except TvmEdgeError as error:
        return Finding("TVM's runtime", False, False, str(error))
    return Finding("TVM's runtime", True, False, "for bundles of --form vm: it is there, as hashed")
