"""Builders on a Dask cluster: ``dask://scheduler:8786``.

Each of the cluster's workers keeps processes of ours that compile, so that a candidate that
crashes LLVM, or never ends, costs one of those and not the worker. A worker that is lost costs
nothing: Dask gives its candidates to another. Whoever reaches a scheduler can run code on its
workers: keep it in a network that you trust, or use TLS (``dask+tls://``, with Dask's own
configuration of certificates).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import lru_cache
from importlib import metadata
from typing import Any, TypeVar

from distributed import Client, Worker, WorkerPlugin, get_worker
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from tvmedge.errors import InputError, ToolError
from tvmedge.tuning.workers import WorkerDiedError, Workers

T = TypeVar("T")

_SCHEMES = {"dask": "tcp", "dask+tls": "tls"}
_CONNECT_S = 10
_CLOSE_S = 2
_PLUGIN = "tvmedge-builders"


class Cluster:
    """The workers of the scheduler at ``address``, behind ``evaluate.Builders``."""

    def __init__(self, address: str, seconds: float) -> None:
        """``seconds``: what one job may take on its worker.

        Raises:
            InputError: ``address`` is none.
            ToolError: no scheduler answers, or it has no workers with tvmedge.
        """
        self._address = address
        self._seconds = seconds
        self._client = _connected(address)
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
            if not workers:
                raise ToolError(
                    f"The scheduler at '{address}' has no workers: start some with 'dask worker', "
                    "where tvmedge is installed."
                )
            self._client.register_plugin(_Builders(seconds), name=_PLUGIN)
        except ImportError as error:
            self._client.close()
            raise ToolError(
                f"The workers of '{address}' lack what candidates are compiled with ({error}): "
                "install tvmedge there."
            ) from None
        except BaseException:
            self._client.close()
            raise
        self.slots = sum(worker["nthreads"] for worker in workers.values())
        """How many jobs run at the same time, counted when the session began."""
        self._threads = ThreadPoolExecutor(2 * self.slots, thread_name_prefix="tvmedge-cluster")

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """``work(*args)`` on one of the workers.

        It fails with WorkError or WorkerDiedError for the job, with ToolError when the
        cluster is gone or the worker has other versions than we.
        """
        return self._threads.submit(self._call, work, args)

    def _call(self, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        with self._errors():
            job = self._client.submit(_run, work, args, _versions(), pure=False)
            try:
                # A worker that is lost is noticed and another does the job: twice the time.
                result: T = job.result(timeout=2 * self._seconds)
            finally:
                job.release()
        return result

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except KilledWorker:
            raise WorkerDiedError("ended every worker of the cluster that took it") from None
        except (FutureCancelledError, CancelledError, CommClosedError, OSError) as error:
            # TimeoutError is an OSError.
            if isinstance(error, TimeoutError) and self._alive():
                raise WorkerDiedError(
                    f"had no answer from the cluster within {2 * self._seconds:g} s"
                ) from None
            raise ToolError(
                f"The builders at '{self._address}' are gone: start them again, and go on with "
                "--resume; what was measured is stored."
            ) from None

    def _alive(self) -> bool:
        try:
            return bool(self._client.scheduler_info(n_workers=-1)["workers"])
        except OSError:
            return False

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the cluster as it was; jobs that have not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client.status == "running":
            with contextlib.suppress(OSError, CommClosedError):
                self._client.unregister_worker_plugin(_PLUGIN)
        self._client.close(timeout=_CLOSE_S)


class _Builders(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """What each of the cluster's workers keeps."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def setup(self, worker: Worker) -> None:
        self.workers = Workers(worker.state.nthreads, self._seconds)

    def teardown(self, worker: Worker) -> None:
        self.workers.__exit__(None, None, None)


def _run(work: Callable[..., T], args: tuple[Any, ...], versions: str) -> T:
    """On a worker of the cluster: the job, in a process of ours."""
    worker = get_worker()
    if versions != _versions():
        raise ToolError(
            f"The cluster's worker {worker.address} has {_versions()}, but candidates are of "
            f"{versions}: install the same there."
        )
    plugin: _Builders = worker.plugins[_PLUGIN]
    return plugin.workers.submit(work, *args).result()


@lru_cache(maxsize=1)
def _versions() -> str:
    """What makes code, told without importing it."""
    packages = ("tvmedge", "apache-tvm", "ziglang")
    return ", ".join(f"{package} {metadata.version(package)}" for package in packages)


def _connected(address: str) -> Client:
    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    if scheme not in _SCHEMES or not host or not port.isdecimal():
        raise InputError(
            f"--builders {address}: give a number of processes, or a Dask scheduler as "
            "dask://HOST:PORT."
        )
    # What Dask logs when a worker or the scheduler is lost, we say in a sentence.
    for name in [
        name for name in logging.root.manager.loggerDict if name.startswith("distributed")
    ]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        return Client(f"{_SCHEMES[scheme]}://{place}", timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ToolError(
            f"No Dask scheduler answers at '{address}' ({str(error).splitlines()[0][:150]}): "
            "start one with 'dask scheduler'."
        ) from None
