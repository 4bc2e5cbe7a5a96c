"""One verb on one mutant in a forked child, and a verdict on how it ended."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """What one child may use; ``memory`` bounds its address space."""

    seconds: float = 60.0
    memory: int = 8 * GIB


@dataclass(frozen=True)
class Trial:
    """``fault`` says what is wrong with how the verb ended, None when nothing is."""

    verb: str
    code: int
    seconds: float
    stderr: str
    fault: str | None


def warm_up() -> None:
    """Import everything that the verbs use, so that children share it."""
    import tvmedge.bundle
    import tvmedge.cli.compile
    import tvmedge.cli.inspect
    import tvmedge.compiler.compile
    import tvmedge.model.inspect  # noqa: F401


def attempt(
    main: Callable[[Sequence[str]], int], verb: str, content: bytes, limits: Limits
) -> Trial:
    """Run ``main([verb, FILE, ...])`` in a fork of this process."""
    with tempfile.TemporaryDirectory(prefix="tvmedge-fuzz-") as name:
        folder = Path(name)
        (folder / "m.onnx").write_bytes(content)
        more = ["-t", "host", "-o", "out"] if verb == "compile" else ["-t", "host"]
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _child(main, [verb, "m.onnx", *more], folder, limits.memory)
        status = _wait(child, limits.seconds)
        seconds = time.monotonic() - started
        stderr = (folder / "stderr").read_text(errors="replace")
    code = -signal.SIGALRM if status is None else os.waitstatus_to_exitcode(status)
    return Trial(verb, code, seconds, stderr, fault(code, stderr))


def _child(
    main: Callable[[Sequence[str]], int], arguments: list[str], folder: Path, memory: int
) -> None:
    code = 99
    try:
        os.setsid()
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        os.dup2(os.open("stdout", os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(os.open("stderr", os.O_WRONLY | os.O_CREAT), 2)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = main(arguments)
    except SystemExit as end:
        code = 98 if end.code is None else int(end.code)
    finally:
        os._exit(code)


def _wait(child: int, seconds: float) -> int | None:
    """The child's status, None when it had to be killed."""
    end = time.monotonic() + seconds
    pause = 0.002
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def fault(code: int, stderr: str) -> str | None:
    """What is wrong with an ending, None when it is one sentence or success."""
    lines = stderr.splitlines()
    sentence = len(lines) == 1 and lines[0].startswith("tvmedge: ")
    warned = all(line.startswith("WARNING tvmedge.") for line in lines)
    checks = (
        (code == -signal.SIGALRM, "hang"),
        (code < 0, f"crash by signal {-code}"),
        ("Traceback" in stderr, "traceback"),
        (code not in (0, 2), f"exit code {code}"),
        (code == 2 and not sentence, f"{len(lines)} lines of stderr"),
        (code == 2 and not stderr.rstrip().endswith("."), "no sentence"),
        (code == 0 and not warned, "noise on stderr"),
    )
    return next((found for wrong, found in checks if wrong), None)
