"""Clients of a gateway that are killed: real processes, with all that they started."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.devices.gateway import Guest, eventually, local_pool, serving, session_of
from tests.devices.parts import SIZE, alive


@pytest.mark.parametrize("stage", ["waiting", "running"])
def test_a_client_that_is_killed_leaves_nothing_and_holds_nothing(
    make_library: Callable[[str], Path], tmp_path: Path, stage: str
) -> None:
    """kill -9 of the client alone: what it had started ends by itself, here and on the board, which
    another client then has."""
    hang, temporary = tmp_path / "hang.npy", tmp_path / "client-files"
    np.save(hang, np.full(SIZE, 3, "float32"))
    temporary.mkdir()
    with serving(tmp_path / "gateway", local_pool(1)) as gateway, contextlib.ExitStack() as held:
        gateway.until_free(1)
        if stage == "waiting":
            held.enter_context(session_of(gateway, "bob"))
        bundle, board = str(make_library("host")), str(gateway.address())
        words = ["run", bundle, "--input", f"input/x:0={hang}", "--board", board]
        environment = gateway.client("alice") | {"TMPDIR": str(temporary)}
        client = subprocess.Popen([sys.executable, "-m", "tvmedge", *words], env=environment)
        mine = {"waiting": "queued", "running": "attached"}[stage]
        eventually(
            lambda: any(line["client"] == "alice" for line in gateway.log(mine)), f"it is {mine}"
        )
        client.kill()
        client.wait()
        held.close()
        with Guest(gateway, "carol") as guest:
            guest.granted()
        eventually(lambda: alive(str(temporary)) == [], "processes of the client are left")
        eventually(lambda: list(temporary.iterdir()) == [], "files of the client are left")
    if stage == "running":
        (ended, *_) = gateway.log("ended")
        assert ended["client"] == "alice" and ended["seconds"] < 60
