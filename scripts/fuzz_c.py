"""Our C that reads what others send, fuzzed under AddressSanitizer and UBSan by libFuzzer.

python scripts/fuzz_c.py [--runs 100000] [--seed 1] [TARGET ...]

Needs clang and its runtime library (apt-get install clang). The targets are the C files of
scripts/fuzz_c/; each says what it holds true. What fails is left as crash-HASH in this folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tvmedge.boards.relay.frames import ALIVE, DATA, END, FILE, GO, framed
from tvmedge.errors import ToolError
from tvmedge.resources import device_sources

FOLDER = Path(__file__).with_name("fuzz_c")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
_WITH = {
    "host_frames": (
        *(
            "calls.c",
            "direct.c",
            "folder.c",
            "frames.c",
            "keeper.c",
            "memory.c",
            "note.c",
            "room.c",
            "walls.c",
        ),
    ),
    "sent_frames": ("files.c", "frames.c", "store.c"),
    "library_requests": (),
}
TARGETS = tuple(_WITH)
_RSS_MB = 2048  # ASan alone took 634 of it here once


def _request(body: bytes) -> bytes:
    return len(body).to_bytes(8, "little") + body


_LOADED = _request(b"L" + struct.pack("<HHHHQ", 1, 1, 1, 0, 64) + b"fuzz\n")
_SEEDS = {
    "host_frames": (framed(DATA, b"data") + framed(ALIVE) + framed(END),),
    "sent_frames": (framed(FILE, bytes(32) + b"\1" + bytes(7)) + framed(GO), framed(GO)),
    "library_requests": tuple(
        _LOADED + _request(body)
        for body in (b"R" + bytes(16), b"T" + struct.pack("<I", 3), b"C", b"P", b"F", b"W1234")
    ),
}


def clang() -> str:
    """The newest clang whose runtime library has the fuzzer.

    Raises:
        ToolError: there is none.
    """
    for number in range(25, 13, -1):
        found = shutil.which(f"clang-{number}")
        runtime = f"/usr/lib/llvm-{number}/lib/clang"
        if found and any(Path(runtime).glob("*/lib/linux/libclang_rt.fuzzer-*.a")):
            return found
    raise ToolError("There is no clang with libFuzzer here: run 'apt-get install clang'.")


def build_sanitized_session(program: Path) -> None:
    """The session program, which the sanitizers end where it goes wrong.

    Raises:
        ToolError: there is no clang.
    """
    sources = map(str, sorted((device_sources() / "session").glob("*.c")))
    _compile(['-DTVMEDGE_VERSION="sanitized"', *sources], program)


def build_target(name: str, program: Path) -> None:
    """A fuzzer of ours as a program.

    Raises:
        ToolError: there is no clang.
    """
    sources = [
        str(FOLDER / f"{name}.c"),
        *(str(device_sources() / "session" / file) for file in _WITH[name]),
    ]
    _compile(["-fsanitize=fuzzer", "-DTVMEDGE_PREFIX=fuzz", *sources], program)


def run_target(program: Path, runs: int, seed: int, work: Path) -> subprocess.CompletedProcess[str]:
    """So many inputs; the exit code is 0 where nothing went wrong and memory stayed small."""
    limits = [f"-rss_limit_mb={_RSS_MB}", "-timeout=20", "-max_len=4096", f"-seed={seed}"]
    # Requests end in the middle: what is left then, the fuzzer counts as lost.
    leaks = f"-detect_leaks={int('requests' not in program.name)}"
    command = [str(program), *limits, leaks, f"-runs={runs}", f"-artifact_prefix={work}/"]
    with tempfile.TemporaryDirectory() as corpus:
        for index, seed_input in enumerate(_SEEDS[program.name]):
            (Path(corpus) / str(index)).write_bytes(seed_input)
        command.append(corpus)
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=work,
            # What was freed counts as used as long as it is kept to find who uses it again.
            env={**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=64"},
        )


def _compile(arguments: list[str], program: Path) -> None:
    include = [f"-I{device_sources()}", f"-I{device_sources() / 'session'}", f"-I{FOLDER}"]
    options = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", *SANITIZERS, *include]
    subprocess.run([clang(), *options, *arguments, "-o", str(program)], check=True)


def main() -> int:
    """Fuzz each target; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", default=TARGETS)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in options.targets:
            program = Path(folder) / name
            build_target(name, program)
            done = run_target(program, options.runs, options.seed, Path.cwd())
            print(f"{name}: exit code {done.returncode}; {done.stderr.strip().splitlines()[-1]}")
            if done.returncode:
                print(done.stderr[-4000:], file=sys.stderr)
            failed |= done.returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
