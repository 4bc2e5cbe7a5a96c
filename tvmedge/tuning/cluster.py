"""Builders on a Dask cluster: ``dask://scheduler:8786``, ``tls://scheduler:8786``.

Each of the cluster's workers keeps processes of ours that compile, so that a candidate that
crashes LLVM, or never ends, costs one of those and not the worker. A worker that is lost costs
nothing: Dask gives its candidates to another. Whoever reaches a scheduler can run code on its
workers: keep it in a network that you trust, or use TLS, where each side shows a certificate that
one authority signed.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client, Worker, WorkerPlugin, get_worker
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from distributed.security import Security

from tvmedge.errors import InputError, ToolError
from tvmedge.tuning.workers import WorkerDiedError, Workers

T = TypeVar("T")

_SCHEMES = {"dask": "tcp", "dask+tls": "tls", "tls": "tls"}
_FILES = {"tls_ca_file": "ca.pem", "tls_client_cert": "cert.pem", "tls_client_key": "key.pem"}
_CONNECT_S = 10
_CLOSE_S = 2
_PLUGIN = "tvmedge-builders"


class Cluster:
    """The workers of the scheduler at ``address``, behind ``evaluate.Builders``."""

    def __init__(self, address: str, seconds: float, certificates: Path | None = None) -> None:
        """``seconds``: what one job may take on its worker. ``certificates``: a folder with
        ``ca.pem``, whose signature everybody's certificate has, and our own ``cert.pem`` and
        ``key.pem``; None for what Dask's configuration names.

        Raises:
            InputError: ``address`` is none, or certificates are missing or not wanted.
            ToolError: no scheduler answers, or it has no workers with tvmedge.
        """
        self._address = address
        self._seconds = seconds
        self._client = _connected(address, certificates)
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


def _connected(address: str, certificates: Path | None) -> Client:
    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    if scheme not in _SCHEMES or not host or not port.isdecimal():
        raise InputError(
            f"--builders {address}: give a number of processes, or a Dask scheduler as "
            "dask://HOST:PORT or tls://HOST:PORT."
        )
    security = _security(address, _SCHEMES[scheme], certificates)
    # What Dask logs when a worker or the scheduler is lost, we say in a sentence.
    for name in [
        name for name in logging.root.manager.loggerDict if name.startswith("distributed")
    ]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    where = f"{_SCHEMES[scheme]}://{place}"
    try:
        return Client(where, timeout=_CONNECT_S, set_as_default=False, security=security)
    except (OSError, ValueError, RuntimeError) as error:
        raise ToolError(
            f"No Dask scheduler answers at '{address}' ({_cause(error)}): start one with "
            "'dask scheduler'."
        ) from None


def _security(address: str, protocol: str, certificates: Path | None) -> Security:
    if certificates is None:
        security = Security(require_encryption=protocol == "tls" or None)
        if protocol == "tls" and not security.tls_client_cert:
            raise InputError(
                f"--builders {address}: no certificates. Give a folder with "
                f"{', '.join(_FILES.values())} as --certificates, or name them in Dask's "
                "configuration (distributed.comm.tls)."
            )
        return security
    if protocol != "tls":
        raise InputError(f"--certificates are of no use at {address}: give tls://HOST:PORT.")
    paths = {role: certificates / name for role, name in _FILES.items()}
    for path in paths.values():
        if not path.is_file():
            raise InputError(
                f"--certificates {certificates}: there is no file '{path.name}' in it."
            )
    security = Security(**{role: str(path) for role, path in paths.items()})
    try:
        security.get_connection_args("client")
    except (ssl.SSLError, OSError) as error:
        raise InputError(
            f"--certificates {certificates}: they are no certificates and key in PEM that belong "
            f"together ({error})."
        ) from None
    return security


def _cause(error: BaseException) -> str:
    """The first line of what began it: Dask only says at the end that time was up."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0][:150]
