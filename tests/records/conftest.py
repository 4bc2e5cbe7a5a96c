"""Stores to test: a file, and a PostgreSQL that runs for this session alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database server on a private socket, without the database's name.

    PostgreSQL refuses to run as root, so it runs as Debian's user for it, or nobody.
    """
    programs = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not programs:
        pytest.skip("PostgreSQL is missing: scripts/setup installs it")
    programs_folder = programs[-1].parent
    # A socket's path is limited to 107 bytes, which pytest's own folders may exceed.
    folder = Path(tempfile.mkdtemp(prefix="tvmedge-pg-"))
    user = _other_user() if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, user, -1)
    data = folder / "data"
    run = partial(
        subprocess.run, user=user, cwd=folder, check=True, capture_output=True, timeout=60
    )
    run([programs_folder / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-N", "--locale=C"])
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = [programs_folder / "pg_ctl", "-D", data, "-w"]
    run([*control, "-l", folder / "log", "-o", settings, "start"])
    try:
        yield f"postgresql://tester:open-sesame@/{{database}}?host={folder}"
    finally:
        run([*control, "-m", "immediate", "stop"])
        shutil.rmtree(folder)


def _other_user() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    pytest.skip("there is no user to run PostgreSQL as")


@pytest.fixture
def team(postgres: str) -> str:
    """The URL of a new database."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.format(database="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.format(database=name)


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be made, of either kind."""
    if request.param == "file":
        return str(tmp_path / "records.db")
    found = request.getfixturevalue("team")
    assert isinstance(found, str)
    return found
