"""Builders behind TLS: each side shows a certificate that one authority signed, or nothing runs."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tuning.dask_cluster import dask_cluster
from tvmedge.errors import InputError, ToolError
from tvmedge.tuning.cluster import Cluster


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``made(name)``: a folder with an authority of its own and one certificate that it signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: run scripts/setup")

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)

        def openssl(*arguments: str) -> None:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

        def subject(who: str) -> tuple[str, ...]:
            key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
            return (*key, "-subj", f"/CN={who}")

        openssl("req", "-x509", *subject("authority"), "-keyout", "ca-key.pem", "-out", "ca.pem")
        openssl("req", *subject("builder"), "-keyout", "key.pem", "-out", "asked.pem")
        signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", "cert.pem")
        openssl("x509", "-req", "-in", "asked.pem", *signed)
        return folder

    return make


def test_only_those_with_a_certificate_build(
    made: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = made("ours"), made("theirs")
    files = {"ca-file": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
    options = [text for flag, name in files.items() for text in (f"--tls-{flag}", str(ours / name))]
    with dask_cluster(tmp_path, 1, [*options, "--protocol", "tls"]) as started:
        assert started.address.startswith("tls://")
        with Cluster(started.address, 30.0, ours) as cluster:
            assert cluster.submit(math.sqrt, 9).result() == 3
        with Cluster(f"dask+{started.address}", 30.0, ours) as cluster:
            assert cluster.submit(math.sqrt, 16).result() == 4
        monkeypatch.setattr("tvmedge.tuning.cluster._CONNECT_S", 2.0)
        with pytest.raises(
            ToolError, match=r"No Dask scheduler answers at 'tls://.*(verify|alert)"
        ):
            Cluster(started.address, 30.0, theirs)
        with pytest.raises(ToolError, match="No Dask scheduler answers at 'dask://"):
            Cluster(started.address.replace("tls", "dask"), 30.0)


def test_certificates_that_are_missing_or_none_are_said(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no certificates. Give a folder with ca.pem, cert.pem"):
        Cluster("tls://127.0.0.1:1", 1.0)
    with pytest.raises(InputError, match=r"there is no file 'ca.pem' in it"):
        Cluster("tls://127.0.0.1:1", 1.0, tmp_path)
    with pytest.raises(InputError, match=r"of no use at dask://127\.0"):
        Cluster("dask://127.0.0.1:1", 1.0, tmp_path)
    mixed = made("mixed")
    shutil.copy(made("another") / "key.pem", mixed)
    with pytest.raises(InputError, match="no certificates and key in PEM that belong together"):
        Cluster("tls://127.0.0.1:1", 1.0, mixed)
