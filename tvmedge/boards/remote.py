"""A board's programs, brought to the board once, and started there.

They lie in ``~/.cache/tvmedge/boards/KEY`` by a hash of their hashes; what is there is hashed
again before it is used, and appears whole or not at all. An upload that was cut is left in
``KEY.part`` and goes on from there; of folders and parts the ``_KEPT`` that were used last stay.
"""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tvmedge.boards.address import BoardAddress
from tvmedge.boards.again import WayBrokeError, again
from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.opencl import CACHE_VARIABLE
from tvmedge.boards.shells import BROKE, Shell, shell
from tvmedge.bundle.compat import architecture
from tvmedge.device.folders import SUMS
from tvmedge.device.pack import SERVERS, SESSION, cached_board
from tvmedge.errors import BoardError, InputError
from tvmedge.targeting import TargetSpec
from tvmedge.types import Serves

_LOOK_S = 30.0
_UPLOAD_S = 300.0
_ANSWER = "tvmedge-board "
_CACHE = "$HOME/.cache/tvmedge"
_PLACE = f"{_CACHE}/boards"
_PROGRAMS = f"{_CACHE}/opencl-programs"
_FILES = f"{_CACHE}/files"
_KEPT = 8
_LOOK = f"""\
if cd "{_PLACE}/KEY" 2>/dev/null && sha256sum -c {SUMS} >/dev/null 2>&1
then touch .; echo "{_ANSWER}here $(uname -m) 0"
else have=0; cd "{_PLACE}" 2>/dev/null && [ -f KEY.part ] && have=$(wc -c < KEY.part)
echo "{_ANSWER}missing $(uname -m) $have"; fi
"""
# One at a time has the part: a second upload meanwhile finds none, and is told to look again.
_UPLOAD = f"""\
set -e; umask 022; mkdir -p "{_PLACE}"; cd "{_PLACE}"
find . -name '.upload.*' -mtime +1 -exec rm -rf {{}} + || true
fresh=$(mktemp -d .upload.XXXXXX)
trap 'if [ -f "$fresh/part" ]; then mv -f "$fresh/part" KEY.part; fi; rm -rf "$fresh"' EXIT
trap 'exit 1' HUP INT TERM
: >> "$fresh/part"; if [ START != 0 ]; then mv -f KEY.part "$fresh/part" 2>/dev/null || true; fi
if [ $(wc -c < "$fresh/part") != START ]; then echo "{_ANSWER}changed"; exit; fi
head -c LEFT >> "$fresh/part"
[ $(wc -c < "$fresh/part") = SIZE ]
if ! echo "DIGEST  $fresh/part" | sha256sum -c >/dev/null 2>&1; then rm "$fresh/part"; exit 1; fi
mkdir "$fresh/new"; tar -xf "$fresh/part" -C "$fresh/new"; rm "$fresh/part"
chmod 755 "$fresh/new"; (cd "$fresh/new" && sha256sum -c {SUMS} >/dev/null)
rm -rf KEY; mv "$fresh/new" KEY
ls -t | tail -n +{_KEPT + 1} | while read -r old; do rm -rf "./$old"; done
echo "{_ANSWER}uploaded"
"""


@dataclass(frozen=True)
class _Found:
    """What a look found: whether the programs are on the board, which is a ``machine``; else how
    many bytes of them are."""

    here: bool
    machine: str
    part: int


def remote_command(
    address: BoardAddress,
    spec: TargetSpec,
    serves: Serves,
    limits: SessionLimits,
    options: list[str],
) -> list[str]:
    """The command that starts a session with the server ``serves`` on a board, whose programs
    are uploaded where they are missing; ``options`` are the server's.

    Raises:
        InputError: the board has another CPU than ``spec``.
        ToolError: the way there, the runtime or the compiler is not on this machine.
        BoardError: there is no way to the board, or it does not take its programs.
    """
    way = shell(address)
    folder = cached_board(spec, serves)
    key = hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()[:16]
    cpu = spec.toolchain.triple.partition("-")[0]
    again(lambda: _bring(way, address, key, folder, cpu))
    server = SERVERS[serves]
    place, before, kept = f"{_PLACE}/{key}", f'mkdir -p "{_FILES}"; ', f'--cache "{_FILES}" '
    if spec.accelerator is not None:  # built kernels outlive the session
        before += f'mkdir -p "{_PROGRAMS}"; export {CACHE_VARIABLE}="{_PROGRAMS}"; '
        kept += f'--keep "{_PROGRAMS}" '
    arguments = (
        f'{kept}{shlex.join(limits.arguments())} -- "{place}/{server}" {shlex.join(options)}'
    )
    return way.command(f'{before}exec "{place}/{SESSION}" {arguments}')


def machine_of(address: BoardAddress) -> str:
    """What ``uname -m`` says on a board.

    Raises:
        ToolError, BoardError: as ``remote_command``.
    """
    return again(lambda: _look(shell(address), address, "none")).machine


def _look(way: Shell, address: BoardAddress, key: str) -> _Found:
    answer = _ask(way, address, _LOOK.replace("KEY", key), b"", _LOOK_S).split()
    if len(answer) != 3 or not answer[2].isdecimal():
        raise BoardError(f"Board '{address}' gave an answer that makes no sense: {answer}.")
    return _Found(answer[0] == "here", answer[1], int(answer[2]))


def _bring(way: Shell, address: BoardAddress, key: str, folder: Path, cpu: str) -> None:
    """Send what of the folder is not there yet, to a board with this CPU."""
    found = _look(way, address, key)
    if architecture(found.machine) != architecture(cpu):
        raise InputError(
            f"The bundle is for {cpu}, board '{address}' is {found.machine}: compile it for that."
        )
    if found.here:
        return
    packed = _packed(folder)
    start = found.part if found.part < len(packed) else 0
    words = {
        "KEY": key,
        "START": str(start),
        "LEFT": str(len(packed) - start),
        "SIZE": str(len(packed)),
        "DIGEST": hashlib.sha256(packed).hexdigest(),
    }
    script = _UPLOAD
    for word, value in words.items():
        script = script.replace(word, value)
    if _ask(way, address, script, packed[start:], _UPLOAD_S) != "uploaded":
        raise WayBrokeError(f"Board '{address}' is sent the same programs by another host, too.")


def _ask(way: Shell, address: BoardAddress, script: str, data: bytes, seconds: float) -> str:
    """Run a script on the board; what it answered."""
    environment = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            way.command(script),
            input=data,
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BoardError(
            f"Board '{address}' cannot be reached: it gave no answer within {seconds:.0f} s; "
            "check that it is on, and the network."
        ) from error
    errors = done.stderr.decode("utf-8", "replace")
    if cause := way.explain(done.returncode, errors):
        make = WayBrokeError if cause == BROKE else BoardError
        raise make(f"Board '{address}' cannot be reached: {cause}.")
    for line in done.stdout[-4096:].decode("utf-8", "replace").splitlines():
        if line.startswith(_ANSWER):
            return line.removeprefix(_ANSWER)
    last = (errors.strip().splitlines() or ["no word"])[-1][:200]
    raise BoardError(
        f"Board '{address}' did not take its programs (exit code {done.returncode}: {last}): it "
        "needs sh, tar, sha256sum and room in its home folder."
    )


def _packed(folder: Path) -> bytes:
    """The folder's files as a tar archive, the same bytes every time."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            info = archive.gettarinfo(path, path.relative_to(folder).as_posix())
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            with path.open("rb") as file:
                archive.addfile(info, file)
    return memory.getvalue()
