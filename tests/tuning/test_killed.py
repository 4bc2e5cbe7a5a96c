"""Sessions that are killed at any moment, and go on."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tuning.killed import main
from tests.tuning.test_session import HOST
from tvmedge.records.store import open_store

TRIALS = 16
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("kills", [4])
def test_killed_again_and_again_it_ends_as_if_it_never_was(kills: int, tmp_path: Path) -> None:
    """No record but that in flight is lost, none is damaged, and the end is the same."""
    chance = random.Random(0)
    place, whole = str(tmp_path / "killed.db"), str(tmp_path / "whole.db")
    spec = tmp_path / "host.pickle"  # processes that may use other cores would be other hosts
    spec.write_bytes(pickle.dumps(HOST))
    known = 0
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.tuning.killed", place, str(TRIALS), str(spec)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"TVM_NUM_THREADS": "1"},
        ) as process:
            assert process.stdout is not None
            until = chance.randrange(known + 1, TRIALS) if known + 1 < TRIALS else TRIALS
            said = process.stdout.read(until)
            time.sleep(chance.random() * 0.3)
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read()
        with open_store(place) as store:
            stored = store.count()
        assert len(said) <= stored <= len(said) + 1
        known = stored
    main(place, TRIALS, HOST)
    main(whole, TRIALS, HOST)
    with open_store(place) as one, open_store(whole) as other:
        assert set(one.find()) == set(other.find())
