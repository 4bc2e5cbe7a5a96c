"""The other end of workers.py: ``python -m tvmedge.tuning.serve FD CORES``."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from tvmedge.tuning.workers import Failure

_PDEATHSIG = 1  # prctl: the signal to get when the parent dies
_YIELDS = 15  # niceness of who has no core of its own: times may be taken on the only one


def _serve(connection: Connection[Any, Any]) -> None:
    while True:
        try:
            work, args = connection.recv()
        except EOFError:
            return
        try:
            answer = work(*args)
        except Exception as error:
            answer = Failure((str(error).strip() or repr(error)).splitlines()[0])
        try:
            connection.send(answer)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            connection.send(Failure(f"its result cannot be sent: {error}"))


def _main(connection: str, cores: str) -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if cores:
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    else:
        os.nice(_YIELDS)
    _serve(Connection(int(connection)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
