"""Instructions an inference takes on the emulated core: ours, and those of peers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from scripts.arm import peer
from scripts.arm.python import ArmPython
from tvmedge.boards.address import parse_address
from tvmedge.boards.limits import SessionPlaces
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.device.counting import Counter

ENOUGH = 200_000_000  # instructions in a count: more say nothing new
MOST_RUNS = 50
PATIENCE_S = 3600.0

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Counted:
    """Instructions of one inference, of so many counted, and what it computed."""

    instructions: int
    runs: int
    outputs: Tensors


def count_bundle(bundle: Path, inputs: Tensors, folder: Path) -> Counted:
    """Our bundle on the emulated board of its target.

    Raises:
        BoardError: it crashed.
    """
    counter = Counter(folder / "count")
    plugin, counts = counter.places()
    places = SessionPlaces(shown=[plugin], kept=[counts])
    options = SessionOptions(threads=1, timeout_s=PATIENCE_S, places=places)
    with (
        mock.patch.dict("os.environ", counter.environment()),
        open_session(parse_address("emulated"), bundle, options) as session,
    ):
        outputs = session.run(inputs)
        instructions, runs = _an_inference(counter, session.time)
    return Counted(instructions, runs, outputs)


def count_peer(python: ArmPython, name: str, model: Path, inputs: Path, folder: Path) -> Counted:
    """A runtime of ``peer.py`` that loads ``model``; ``inputs`` is a .npz.

    Raises:
        ChildProcessError: it does not run the model; the message is what it said last.
    """
    counter, outputs = Counter(folder / "count"), folder / f"{name}.npz"
    arguments = [peer.__file__, name, str(model), str(inputs), str(outputs)]
    with _conversation(python.command(*arguments), counter) as ask:
        instructions, runs = _an_inference(counter, lambda count: ask(str(count)))
    return Counted(instructions, runs, dict(np.load(outputs)))


def _an_inference(counter: Counter, run: Callable[[int], object]) -> tuple[int, int]:
    """(2N runs - N runs) / N, so that whatever else a request costs drops out."""

    def instructions(runs: int) -> int:
        before = counter.read()
        run(runs)
        return counter.read() - before

    first = instructions(1)
    runs = max(1, min(MOST_RUNS, ENOUGH // first))
    less = first if runs == 1 else instructions(runs)
    return round((instructions(2 * runs) - less) / runs), runs


@contextmanager
def _conversation(command: list[str], counter: Counter) -> Iterator[Callable[[str], str]]:
    """Start ``command`` and give what sends it a line and waits for its answer."""
    with subprocess.Popen(
        command,
        env=counter.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def answer() -> str:
            assert process.stdout is not None and process.stderr is not None
            line = process.stdout.readline()
            if not line:
                last = process.stderr.read().strip().splitlines()[-1:]
                raise ChildProcessError(last[0] if last else "it ended without a word")
            return line

        def ask(line: str) -> str:
            assert process.stdin is not None
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            return answer()

        try:
            answer()
            yield ask
        finally:
            process.kill()
