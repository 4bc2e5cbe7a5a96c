"""A board's programs, brought to the board once, and started there.

They lie in ``~/.cache/tvmedge/boards/KEY`` by a hash of their hashes; what is there is hashed
again before it is used, and appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import subprocess
import tarfile
from pathlib import Path

from tvmedge.boards.address import BoardAddress
from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.opencl import CACHE_VARIABLE
from tvmedge.boards.shells import Shell, shell
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
_LOOK = f"""\
if cd "{_PLACE}/KEY" 2>/dev/null && sha256sum -c {SUMS} >/dev/null 2>&1
then echo "{_ANSWER}here $(uname -m)"; else echo "{_ANSWER}missing $(uname -m)"; fi
"""
_UPLOAD = f"""\
set -e; umask 022; mkdir -p "{_PLACE}"; cd "{_PLACE}"
fresh=$(mktemp -d .upload.XXXXXX); trap 'rm -rf "$fresh"' EXIT
tar -xf - -C "$fresh"; chmod 755 "$fresh"; (cd "$fresh" && sha256sum -c {SUMS} >/dev/null)
rm -rf KEY; mv "$fresh" KEY; trap - EXIT; echo "{_ANSWER}uploaded"
"""


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
    state, machine = _look(way, address, key)
    if architecture(machine) != architecture(spec.toolchain.triple.partition("-")[0]):
        raise InputError(
            f"The bundle is for {spec.toolchain.triple.partition('-')[0]}, board '{address}' is "
            f"{machine}: compile it for that."
        )
    if state != "here":
        _ask(way, address, _UPLOAD.replace("KEY", key), _packed(folder), _UPLOAD_S)
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
    return _look(shell(address), address, "none")[1]


def _look(way: Shell, address: BoardAddress, key: str) -> tuple[str, str]:
    """Whether the folder is on the board, and the board's machine."""
    answer = _ask(way, address, _LOOK.replace("KEY", key), b"", _LOOK_S).split()
    if len(answer) != 2:
        raise BoardError(f"Board '{address}' gave an answer that makes no sense: {answer}.")
    return answer[0], answer[1]


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
        raise BoardError(f"Board '{address}' cannot be reached: {cause}.")
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
