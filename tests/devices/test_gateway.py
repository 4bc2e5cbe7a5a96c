"""Boards of a gateway: a real one, real sessions, real certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.devices.gateway import local_pool, serving
from tests.devices.parts import SIZE
from tvmedge.boards.address import parse_address
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.session import open_session

pytestmark = pytest.mark.usefixtures("clean")
MakeBundle = Callable[[str, str], Path]
IN, OUT = "input/x:0", "output/y:0"
INPUT = {IN: np.arange(SIZE, dtype="float32")}


def test_a_model_runs(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle("affine", "host")
    with open_session(parse_address("local"), bundle) as session:
        expected = session.run(INPUT)[OUT]
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        monkeypatch.setenv(VARIABLE, str(gateway.keys("alice")))
        with open_session(gateway.address(), bundle) as session:
            assert session.run(INPUT)[OUT].tobytes() == expected.tobytes()
            assert len(session.time(3)) == 3
    events = [(line["event"], line.get("client")) for line in gateway.log()]
    assert events == [
        ("started", None),
        ("readmitted", None),
        *((event, "alice") for event in ("queued", "granted", "attached", "ended")),
        ("stopped", None),
    ]
    assert gateway.log("ended")[0]["reason"].startswith("ended")
